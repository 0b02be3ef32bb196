"""SQLAlchemy Core tables and queries, Alembic migrations: the only room with SQL."""
