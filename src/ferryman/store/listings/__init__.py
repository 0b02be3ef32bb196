"""What listings share: connections of their own, pages merged along an index, and wildcards in SQL.

Knows SQLAlchemy, and how SQLite and PostgreSQL differ. Does not know which entity is listed.
"""
