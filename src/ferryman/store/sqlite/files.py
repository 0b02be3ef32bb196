"""A store's SQLite file: its URL, creating and migrating it, and the lock that allows one server."""

import contextlib
import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ferryman.store.faults import StoreUnusable
from ferryman.store.schema import newest_schema, own_release, recorded_schema, run_migrations, too_new
from ferryman.store.sqlite.faults import unusable
from ferryman.store.urls import sqlite_url
from ferryman.system.private_files import write_private

OLDEST_SQLITE = (3, 35)
"""The oldest usable version: the first with RETURNING."""


def sqlite_path(url: str) -> Path:
    """Return a store's file; raises ValueError for a URL that does not name one."""
    return Path(str(sqlite_url(url).database)).resolve()


def prepare(url: URL) -> None:
    """Create the file if it does not exist, and bring its schema up to date if it is not.

    Raises `StoreUnusable`; ValueError if SQLite is too old.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ValueError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed")
    path = Path(str(url.database))
    _make(path)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 30000")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            schema = _schema(connection)
            if schema is not None and schema > newest_schema():
                release = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
                raise too_new(path, schema, release, "restore the backup from before the upgrade")
            if schema != newest_schema():
                _upgrade(connection)
    except DBAPIError as error:
        raise unusable(error, path) from error
    finally:
        engine.dispose()


@contextlib.contextmanager
def sole_user(url: URL) -> Iterator[None]:
    """Hold the lock that allows one server; commands may use the store at the same time.

    Raises `StoreUnusable` if another server holds it.
    """
    path = Path(str(url.database)).resolve()
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreUnusable(
            path, "another server uses it", "Stop that server, or give this one a database of its own"
        ) from error
    finally:
        os.close(descriptor)


def _schema(connection: Connection) -> str | None:
    """Return the number of the database's last migration; None for a new database."""
    table = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    return None if connection.exec_driver_sql(table).first() is None else recorded_schema(connection)


def _upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, under SQLite's write lock: two servers starting at once do it once."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    run_migrations(connection)
    connection.exec_driver_sql(f"PRAGMA user_version = {own_release()}")
    connection.exec_driver_sql("COMMIT")


def _make(path: Path) -> None:
    """Create the file if it does not exist. It is never empty, so an empty file is known to have been truncated."""
    if not path.exists():
        with contextlib.suppress(FileExistsError), tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as new:
            draft = Path(new) / path.name
            write_private(draft, b"")
            with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            os.link(draft, path)
    if path.is_file() and path.stat().st_size == 0:
        advice = "Restore it from a backup; if it is to be a new store, delete the empty file first"
        raise StoreUnusable(path, "the file is empty, as if it had been truncated", advice)
