"""Opening the database: migrations, connections, and the store over them."""

import asyncio
import os
import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import create_engine, delete, make_url
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from ferryman.store.access_requests import SqlAccessRequests
from ferryman.store.connections import Connections
from ferryman.store.documents import SqlDocuments
from ferryman.store.groups import SqlGroups
from ferryman.store.identities import SqlIdentities
from ferryman.store.nodes import SqlActivations, SqlNodes
from ferryman.store.policies import SqlPolicies
from ferryman.store.roles import SqlOidcProviders, SqlRoles
from ferryman.store.sessions import SqlSessions
from ferryman.store.tables import sessions
from ferryman.store.tags import SqlTags

OLDEST_SQLITE = (3, 35)
"""The first with RETURNING."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_NUMBERS = "[0-9][0-9][0-9][0-9]_*.py"
"""Migrations are numbered in their order: the last one's number is the schema's."""


class SqlStore:
    """`core.ports.Store` over SQL. Close it when done, or use it as an async context."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.sessions = SqlSessions(connections)
        self.nodes = SqlNodes(connections)
        self.activations = SqlActivations(connections)
        self.identities = SqlIdentities(connections)
        self.groups = SqlGroups(connections)
        self.policies = SqlPolicies(connections)
        self.roles = SqlRoles(connections)
        self.oidc_providers = SqlOidcProviders(connections)
        self.documents = SqlDocuments(connections)
        self.tags = SqlTags(connections)
        self.access_requests = SqlAccessRequests(connections)

    async def check(self) -> None:
        """Raise if the database cannot be read and written; deleting nothing takes the write lock all the same."""
        await self._connections.write(delete(sessions).where(sessions.c.session_id == ""))

    async def close(self) -> None:
        """Close every connection; idempotent."""
        await self._connections.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


async def open_store(url: str) -> SqlStore:
    """Open `sqlite:///<path>` (four slashes for an absolute path), making and migrating the file as needed.

    The file is readable by its owner only: it holds sealed secrets. Raises ValueError for a URL that is no SQLite file,
    `sqlalchemy.exc.DatabaseError` if the file cannot be opened or is no database.
    """
    parsed = _sqlite_file(url).set(drivername="sqlite")
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ValueError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed")
    await asyncio.to_thread(_migrate, parsed)
    return SqlStore(Connections(parsed))


def _sqlite_file(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise ValueError(f"a store is a SQLite file, sqlite:///<path>; got {_without_password(parsed, url)}")
    return parsed


def _without_password(parsed: URL | None, url: str) -> str:
    return url if parsed is None else parsed.render_as_string(hide_password=True)


def _migrate(url: URL) -> None:
    """Bring the schema up to date if it is not."""
    _make_private(Path(str(url.database)))
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 30000")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            if _schema(connection) != newest_schema():
                _upgrade(connection)
    finally:
        engine.dispose()


def newest_schema() -> str:
    """Return the number of the last migration."""
    return max(path.name for path in (_MIGRATIONS / "versions").glob(_NUMBERS))[:4]


def _schema(connection: Connection) -> str | None:
    """Return the number of the database's last migration; None for a new database."""
    table = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.exec_driver_sql(table).first() is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, under SQLite's write lock: two servers starting at once do it once."""
    from alembic import command  # a third of a second, which most starts do without
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.exec_driver_sql("COMMIT")


def _make_private(path: Path) -> None:
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
