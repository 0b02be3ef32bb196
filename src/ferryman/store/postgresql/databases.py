"""A store's PostgreSQL database: checking and migrating its schema, and the lock that allows one server."""

import hashlib
import time
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
from ferryman.store.schema import newest_schema, recorded_schema, run_migrations, too_new
from ferryman.store.urls import without_password

OLDEST_POSTGRESQL = 14
CLOCK_SECONDS = 5
"""How much the clocks of several servers may differ from the database's."""
_MIGRATING, _SERVING = 0x6665_7272_0001, 0x6665_7272_0002
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
_HEAD = text("SELECT first_sequence, sequence, mac FROM audit_trails WHERE server = :server")
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
    """Return the number of the database's last migration, None without Ferryman's tables. Raises `StoreUnusable`."""
    with _connected(url) as connection:
        schema = _schema(connection)
    if schema is not None and schema > newest_schema():
        raise too_new(without_password(url), schema, 0, _RESTORE)
    return schema


def check(url: URL) -> None:
    """Raise `StoreUnusable` unless the database has this release's schema."""
    schema = schema_of(url)
    if schema is None:
        raise StoreUnusable(without_password(url), "it has no tables of Ferryman's", "Run `ferryman store upgrade`")
    if schema != newest_schema():
        cause = f"its schema, {schema}, is older than {newest_schema()}, which this release needs"
        raise StoreUnusable(without_password(url), cause, "Run `ferryman store upgrade`")


def upgrade(url: URL) -> None:
    """Run the migrations that are missing, one process at a time. Raises `StoreUnusable`."""
    with _connected(url) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
        schema = _schema(connection)
        if schema is not None and schema > newest_schema():
            raise too_new(without_password(url), schema, 0, _RESTORE)
        if schema != newest_schema():
            run_migrations(connection)
            _order_by_code_points(connection)
        connection.exec_driver_sql("COMMIT")


@contextmanager
def sole_user(url: URL) -> Iterator[None]:
    """Hold the lock that allows one server, for as long as its connection lasts. Raises `StoreUnusable`."""
    with _connected(url) as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _SERVING}).scalar_one():
            advice = "Stop that server, or give this one a database of its own"
            raise StoreUnusable(without_password(url), "another server uses it", advice)
        yield


@contextmanager
def one_of_several(url: URL, name: str) -> Iterator[None]:
    """Hold the locks of one of several servers, for as long as their connection lasts.

    Raises `StoreUnusable` if a server of the same name, or one that wants to be alone, uses the database, or if this
    machine's clock is not the database's.
    """
    with _connected(url) as connection:
        _check_clock(url, connection)
        if not connection.execute(text("SELECT pg_try_advisory_lock_shared(:key)"), {"key": _SERVING}).scalar_one():
            advice = "Stop that server, or set bus.url for it, too"
            raise StoreUnusable(without_password(url), "a server without a bus uses it", advice)
        if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _name_key(name)}).scalar_one():
            advice = "Give every server a server.name of its own"
            raise StoreUnusable(without_password(url), f"another server named {name} uses it", advice)
        yield


def _name_key(name: str) -> int:
    """Return the advisory lock of a server's name."""
    digest = hashlib.sha256(b"ferryman server " + name.encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _check_clock(url: URL, connection: Connection) -> None:
    began = time.time()
    theirs = float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())
    ended = time.time()
    difference = max(began - theirs, theirs - ended)
    if difference > CLOCK_SECONDS:
        cause = f"its clock and this machine's differ by {difference:.0f} s; the limit is {CLOCK_SECONDS} s"
        raise StoreUnusable(without_password(url), cause, "Have both set by NTP")


def is_served(url: URL, name: str = "") -> bool:
    """Return whether a server, of this name if it is one of several, uses this database now.

    False if the database cannot be asked.
    """
    key = _name_key(name) if name else _SERVING
    try:
        with _connected(url) as connection:
            return connection.execute(_LOCKED, {"key": key}).first() is not None
    except StoreUnusable:
        return False


def trail_head(url: URL, server: str) -> TrailHead | None:
    """Return the head of a server's audit trail that the database remembers, if any. Raises `StoreUnusable`."""
    with _connected(url) as connection:
        if connection.exec_driver_sql("SELECT to_regclass('audit_trails')").scalar_one() is None:
            return None
        row = connection.execute(_HEAD, {"server": server}).first()
    return None if row is None else TrailHead(*row)


def session_documents(url: URL) -> list[str]:
    """Return the default versions of an account's session documents, as JSON. Raises `StoreUnusable`."""
    with _connected(url) as connection:
        return [str(row[0]) for row in connection.execute(_SESSION_DOCUMENTS)]


@contextmanager
def _connected(url: URL) -> Iterator[Connection]:
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


def _order_by_code_points(connection: Connection) -> None:
    """Give texts the order that SQLite and Python have, whatever the database's locale: pages depend on it."""
    for table, column, bounded, kind in connection.execute(_IN_OTHER_ORDERS).all():
        written = kind if kind == "text" else bounded
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE {written} COLLATE "C"')
