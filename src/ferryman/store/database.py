"""Opening the database: migrations, connections, and the store over them."""

import asyncio
import contextlib
import fcntl
import os
import re
import sqlite3
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import create_engine, make_url
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

from ferryman.store.access_requests.store import SqlAccessRequests
from ferryman.store.connections import Connections
from ferryman.store.documents import SqlDocuments
from ferryman.store.faults import StoreUnusable, unusable
from ferryman.store.iam.groups import SqlGroups
from ferryman.store.iam.identities import SqlIdentities
from ferryman.store.iam.invitations import SqlInvitations
from ferryman.store.iam.policies import SqlPolicies
from ferryman.store.iam.roles import SqlOidcProviders, SqlRoles
from ferryman.store.nodes import SqlActivations, SqlNodes
from ferryman.store.outputs import SqlOutputs
from ferryman.store.recordings import SqlRecordings
from ferryman.store.sessions.store import SqlSessions
from ferryman.store.tags import SqlTags
from ferryman.store.trail_heads import SqlTrailHeads
from ferryman.system.private_files import write_private

OLDEST_SQLITE = (3, 35)
"""The first version that has RETURNING."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_NUMBERS = "[0-9][0-9][0-9][0-9]_*.py"
"""Migrations are numbered in their order: the last one's number is the schema's."""


class SqlStore:
    """`core.ports.store.Store` over SQL. Close it when done, or use it as an async context."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.sessions = SqlSessions(connections)
        self.nodes = SqlNodes(connections)
        self.activations = SqlActivations(connections)
        self.invitations = SqlInvitations(connections)
        self.identities = SqlIdentities(connections)
        self.groups = SqlGroups(connections)
        self.policies = SqlPolicies(connections)
        self.roles = SqlRoles(connections)
        self.oidc_providers = SqlOidcProviders(connections)
        self.documents = SqlDocuments(connections)
        self.tags = SqlTags(connections)
        self.access_requests = SqlAccessRequests(connections)
        self.recordings = SqlRecordings(connections)
        self.outputs = SqlOutputs(connections)
        self.trail_heads = SqlTrailHeads(connections)

    async def check(self) -> None:
        """Raise `StoreUnavailable` if the database cannot be read and written."""
        await self._connections.check()

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
    """Open `sqlite:///<path>` (four slashes for an absolute path), creating and migrating the file as needed.

    The file is readable by its owner only: it holds encrypted secrets. Raises ValueError for a URL that does not name
    an SQLite file, `StoreUnusable` if the file is not a store of this release or an older one, or cannot be read and
    written.
    """
    parsed = sqlite_file(url).set(drivername="sqlite")
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ValueError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed")
    await asyncio.to_thread(_migrate, parsed)
    return SqlStore(Connections(parsed))


def sqlite_file(url: str) -> URL:
    """Return a store's URL; raises ValueError if it does not name an SQLite file."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise ValueError(f"a store is a SQLite file, sqlite:///<path>; got {_without_password(parsed, url)}")
    return parsed


def _without_password(parsed: URL | None, url: str) -> str:
    return url if parsed is None else parsed.render_as_string(hide_password=True)


@contextlib.contextmanager
def sole_server(url: str) -> Iterator[None]:
    """Hold the lock that allows one server per store; commands may use the store at the same time.

    Raises `StoreUnusable` if another server holds it, ValueError as `open_store`.
    """
    path = Path(str(sqlite_file(url).database)).resolve()
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


def _migrate(url: URL) -> None:
    """Bring the schema up to date if it is not."""
    path = Path(str(url.database))
    _make(path)
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout = 30000")
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            schema = _schema(connection)
            if schema is not None and schema > newest_schema():
                raise _too_new(path, schema, int(connection.exec_driver_sql("PRAGMA user_version").scalar_one()))
            if schema != newest_schema():
                _upgrade(connection)
    except DBAPIError as error:
        raise unusable(error, path) from error
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
    connection.exec_driver_sql(f"PRAGMA user_version = {_release_number(version('ferryman'))}")
    connection.exec_driver_sql("COMMIT")


def _too_new(path: Path, schema: str, release: int) -> StoreUnusable:
    """`release` is the number of the release that last migrated the database, 0 if unknown."""
    own = version("ferryman")
    needed = f"{release // 1_000_000}.{release // 1000 % 1000}.{release % 1000}"
    if release <= _release_number(own):  # a later state of the same release, or one that did not say
        needed = f"a later build of {own}"
    cause = f"its schema, {schema}, is newer than {newest_schema()}, which this release, {own}, knows"
    advice = f"Run Ferryman {needed} or newer, or restore the backup from before the upgrade"
    return StoreUnusable(path, cause, advice)


def _release_number(release: str) -> int:
    """Return 1002003 for 1.2.3, whatever follows: what fits into SQLite's `user_version`."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", release)
    if found is None:
        return 0
    major, minor, patch = (int(part or 0) for part in found.groups())
    return (major * 1000 + minor) * 1000 + patch


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
