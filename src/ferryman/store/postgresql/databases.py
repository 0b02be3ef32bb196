"""A store's PostgreSQL database: checking and migrating its schema, and queries from outside a server."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ferryman.core.ports.audit import TrailHead
from ferryman.store.faults import StoreUnusable
from ferryman.store.postgresql.connections import options
from ferryman.store.postgresql.faults import unusable
from ferryman.store.schema import (
    declared_oldest_servers,
    newest_schema,
    oldest_server,
    recorded_schema,
    run_migrations,
    too_new,
)
from ferryman.store.urls import without_password

OLDEST_POSTGRESQL = 14
_MIGRATING, SERVING = 0x6665_7272_0001, 0x6665_7272_0002
"""Keys of advisory locks."""
_LOCKED = text(
    """
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND (classid::bigint << 32 | objid::bigint) = :key
    """
)
_SESSION_DOCUMENTS = text(
    "SELECT json FROM document_versions WHERE is_default AND type = 'Session' AND json IS NOT NULL"
)
_HEADS = text("SELECT server, first_sequence, sequence, mac FROM audit_trails ORDER BY server")
_RESTORE = "restore the backup from before the upgrade"
_IN_OTHER_ORDERS = text(
    """
    SELECT table_name, column_name, format('%s(%s)', data_type, character_maximum_length), data_type
    FROM information_schema.columns
    WHERE table_schema = current_schema() AND data_type IN ('character varying', 'text')
      AND collation_name IS DISTINCT FROM 'C' AND table_name <> 'alembic_version'
    """
)


def schema_of(url: URL) -> str | None:
    """Return the database's schema as far as this release knows it, None without Ferryman's tables.

    Raises `StoreUnusable`, also for a newer schema on which this release does not run.
    """
    with connected(url) as connection:
        schema = _schema(connection)
        oldest = _oldest_server(connection, schema) if schema is not None else None
    if schema is not None and schema > newest_schema():
        if oldest is None or oldest > newest_schema():
            raise too_new(without_password(url), schema, 0, _RESTORE)
        return newest_schema()  # it has all of that, and more that only newer servers know
    return schema


def check(url: URL) -> None:
    """Raise `StoreUnusable` unless the database has this release's schema, or a newer one on which it runs."""
    schema = schema_of(url)
    if schema is None:
        raise StoreUnusable(without_password(url), "it has no tables of Ferryman's", "Run `ferryman store upgrade`")
    if schema != newest_schema():
        cause = f"its schema, {schema}, is older than {newest_schema()}, which this release needs"
        raise StoreUnusable(without_password(url), cause, "Run `ferryman store upgrade`")


def upgrade(url: URL) -> None:
    """Run the migrations that are missing, one process at a time. Raises `StoreUnusable`."""
    with connected(url) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        schema = _schema(connection)
        if schema is not None and schema > newest_schema():
            raise too_new(without_password(url), schema, 0, _RESTORE)
        if schema != newest_schema():
            run_migrations(connection)
            _order_by_code_points(connection)
        oldest = oldest_server(declared_oldest_servers(), newest_schema())
        connection.exec_driver_sql(f"COMMENT ON TABLE alembic_version IS '{_comment(newest_schema(), oldest)}'")
        connection.exec_driver_sql("COMMIT")


def is_locked(url: URL, key: int) -> bool:
    """Return whether somebody holds an advisory lock. False if the database cannot be asked."""
    try:
        with connected(url) as connection:
            return connection.execute(_LOCKED, {"key": key}).first() is not None
    except StoreUnusable:
        return False


def trail_heads(url: URL) -> dict[str, TrailHead]:
    """Return the heads of the servers' audit trails that the database remembers. Raises `StoreUnusable`."""
    with connected(url) as connection:
        if connection.exec_driver_sql("SELECT to_regclass('audit_trails')").scalar_one() is None:
            return {}
        rows = connection.execute(_HEADS).all()
    return {server: TrailHead(*head) for server, *head in rows}


def session_documents(url: URL) -> list[str]:
    """Return the default versions of an account's session documents, as JSON. Raises `StoreUnusable`."""
    with connected(url) as connection:
        return [str(row[0]) for row in connection.execute(_SESSION_DOCUMENTS)]


@contextmanager
def connected(url: URL) -> Iterator[Connection]:
    """Yield a connection outside any pool. Raises `StoreUnusable`, also for failures within the context."""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            version = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000
            if version < OLDEST_POSTGRESQL:
                cause = f"it is PostgreSQL {version}"
                advice = f"Upgrade it to PostgreSQL {OLDEST_POSTGRESQL} or newer"
                raise StoreUnusable(without_password(url), cause, advice)
            yield connection
    except DBAPIError as error:
        raise unusable(error, url) from error
    finally:
        engine.dispose()


def _engine(url: URL) -> Engine:
    settings = {"application_name": "ferryman", "client_encoding": "UTF8"}
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=options(settings))


def _schema(connection: Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar_one() is None:
        return None
    return recorded_schema(connection)


def _comment(schema: str, oldest: str) -> str:
    """Return the comment on Alembic's table: an older release cannot know what newer migrations do."""
    return f"schema {schema}, oldest server {oldest}"


def _oldest_server(connection: Connection, schema: str) -> str | None:
    """Return the oldest schema whose servers run on this one, as the release that upgraded the database knew."""
    comment = connection.exec_driver_sql("SELECT obj_description('alembic_version'::regclass)").scalar_one()
    found = re.fullmatch(_comment(re.escape(schema), "([0-9]{4})"), comment or "")
    return found[1] if found else None


def _order_by_code_points(connection: Connection) -> None:
    """Give texts the order that SQLite and Python have, whatever the database's locale: pages depend on it."""
    for table, column, bounded, kind in connection.execute(_IN_OTHER_ORDERS).all():
        written = kind if kind == "text" else bounded
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE {written} COLLATE "C"')
