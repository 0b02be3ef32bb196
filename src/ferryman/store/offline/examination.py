"""Examines a database without changing it: its schema, and how far it knows the audit trail to have got."""

import contextlib
import fcntl
import os
import sqlite3
from dataclasses import dataclass

from ferryman.core.ports.audit import TrailHead
from ferryman.store.faults import CORRUPTED, FAILED, StoreUnusable
from ferryman.store.schema import newest_schema
from ferryman.store.sqlite.faults import ADVICE
from ferryman.store.sqlite.files import sqlite_path
from ferryman.store.tables import audit_trails, metadata
from ferryman.store.urls import is_postgresql, store_url, without_password

_HEADS = "SELECT server, first_sequence, sequence, mac FROM audit_trails ORDER BY server"
_SESSION_DOCUMENTS = "SELECT json FROM document_versions WHERE is_default AND type = 'Session' AND json IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Examination:
    """A database. `schema` is the number of its last migration, None if it does not exist or is new.

    `migrates`: whether a server that starts migrates it.
    """

    place: str
    schema: str | None
    newest: str
    migrates: bool = True

    @property
    def is_current(self) -> bool:
        """Whether this release needs no migration to use it."""
        return self.schema == self.newest


def examine_store(url: str) -> Examination:
    """Open a database for reading only and read a row of every table.

    Raises `StoreUnusable` if it is not a store, is newer than this release, or cannot be read; ValueError for a URL
    that names no store.
    """
    if is_postgresql(url):
        from ferryman.store.postgresql.databases import schema_of

        schema = schema_of(store_url(url))
        return Examination(without_password(store_url(url)), schema, newest_schema(), migrates=False)
    path = sqlite_path(url)
    if not path.exists():
        return Examination(str(path), None, newest_schema())
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            schema = _schema(connection)
            if schema == newest_schema():
                for table in metadata.sorted_tables:
                    connection.execute(f'SELECT * FROM "{table.name}" LIMIT 1').fetchall()  # noqa: S608 our own names
    except sqlite3.DatabaseError as error:
        state = CORRUPTED if not isinstance(error, sqlite3.OperationalError) else FAILED
        raise StoreUnusable(path, str(error), ADVICE[state]) from error
    if schema is not None and schema > newest_schema():
        cause = f"its schema, {schema}, is newer than {newest_schema()}, which this release knows"
        raise StoreUnusable(path, cause, "Run a newer release, or restore the backup from before the upgrade")
    return Examination(str(path), schema, newest_schema())


def read_trail_heads(url: str) -> dict[str, TrailHead]:
    """Return the heads of the servers' audit trails that a database remembers, by server; none if it is older.

    Raises `StoreUnusable` and ValueError as `examine_store`.
    """
    if is_postgresql(url):
        from ferryman.store.postgresql.databases import trail_heads

        return trail_heads(store_url(url))
    path = sqlite_path(url)
    if not path.exists():
        return {}
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (audit_trails.name,)).fetchone():
                return {}
            rows = connection.execute(_HEADS).fetchall()
    except sqlite3.DatabaseError as error:
        raise StoreUnusable(path, str(error), ADVICE[FAILED]) from error
    return {server: TrailHead(*head) for server, *head in rows}


def read_session_documents(url: str) -> list[str]:
    """Return the default versions of an account's session documents, as JSON; none if there is no current database.

    Raises `StoreUnusable` and ValueError as `examine_store`.
    """
    examined = examine_store(url)
    if not examined.is_current:
        return []
    if is_postgresql(url):
        from ferryman.store.postgresql import databases

        return databases.session_documents(store_url(url))
    with contextlib.closing(sqlite3.connect(f"{sqlite_path(url).as_uri()}?mode=ro", uri=True)) as connection:
        return [str(row[0]) for row in connection.execute(_SESSION_DOCUMENTS)]


def is_served(url: str, name: str = "") -> bool:
    """Return whether a server, of this name if it is one of several, uses this database now.

    Raises ValueError as `examine_store`.
    """
    if is_postgresql(url):
        from ferryman.store.postgresql.databases import SERVING, is_locked
        from ferryman.store.postgresql.serving_locks import name_key

        return is_locked(store_url(url), name_key(name) if name else SERVING)
    path = sqlite_path(url)
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _schema(connection: sqlite3.Connection) -> str | None:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
    return None if row is None else str(row[0])
