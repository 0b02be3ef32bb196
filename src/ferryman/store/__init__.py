"""The store ports of `core` over SQL: tables, queries and migrations. The only room that knows SQLAlchemy.

`database.open_store` migrates and opens a database. Rows become `model` values before they leave. No rule of the
service is decided here, except what must hold within one transaction, such as a status transition or a quota.
"""
