"""Opening the database: migrations, connections, and the store over them."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.values.timing import Timing
from ferryman.store.access_requests.store import SqlAccessRequests
from ferryman.store.connections import Connections
from ferryman.store.documents import SqlDocuments
from ferryman.store.faults import StoreUnusable
from ferryman.store.iam.browser_sessions import SqlBrowserSessions
from ferryman.store.iam.groups import SqlGroups
from ferryman.store.iam.identities import SqlIdentities
from ferryman.store.iam.invitations import SqlInvitations
from ferryman.store.iam.policies import SqlPolicies
from ferryman.store.iam.roles import SqlOidcProviders, SqlRoles
from ferryman.store.kms.aliases import SqlKmsAliases
from ferryman.store.kms.grants import SqlKmsGrants
from ferryman.store.kms.keys import SqlKmsKeys
from ferryman.store.nodes import SqlActivations, SqlNodes
from ferryman.store.outputs import SqlOutputs
from ferryman.store.recordings import SqlRecordings
from ferryman.store.sessions.store import SqlSessions
from ferryman.store.sqlite import files
from ferryman.store.sqlite.connections import SqliteConnections
from ferryman.store.sqlite.faults import ADVICE as SQLITE_ADVICE
from ferryman.store.tags import SqlTags
from ferryman.store.trail_heads import SqlTrailHeads
from ferryman.store.urls import is_postgresql, store_url, without_password

OnLost = Callable[[StoreUnusable], None]


class SqlStore:
    """`core.ports.store.Store` over SQL. Close it when done, or use it as an async context."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self.sessions = SqlSessions(connections)
        self.nodes = SqlNodes(connections)
        self.activations = SqlActivations(connections)
        self.invitations = SqlInvitations(connections)
        self.browser_sessions = SqlBrowserSessions(connections)
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
        self.kms_keys = SqlKmsKeys(connections)
        self.kms_aliases = SqlKmsAliases(connections)
        self.kms_grants = SqlKmsGrants(connections)
        self.trail_heads = SqlTrailHeads(connections)

    @property
    def timings(self) -> Mapping[str, Timing]:
        """See `core.ports.store.Store`."""
        return self._connections.timings

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


async def open_store(url: str, tracing: Tracing = NO_TRACING) -> SqlStore:
    """Open the store that a URL names (`store.urls`), which is traced.

    A SQLite file is created and migrated as needed; it is readable by its owner only, for it holds encrypted secrets. A
    PostgreSQL database must have this release's schema: `upgrade_store`. Raises ValueError for a URL that names no
    store, `StoreUnusable` if the store is not one of this release or an older one, or cannot be read and written.
    """
    parsed = store_url(url)
    if is_postgresql(url):
        from ferryman.store.postgresql.connections import PostgresqlConnections
        from ferryman.store.postgresql.databases import check

        await asyncio.to_thread(check, parsed)
        return SqlStore(PostgresqlConnections(parsed, tracing=tracing))
    await asyncio.to_thread(files.prepare, parsed)
    return SqlStore(SqliteConnections(parsed, tracing=tracing))


def upgrade_store(url: str) -> None:
    """Create the tables of an empty store, or bring them to this release's schema. Raises as `open_store`."""
    parsed = store_url(url)
    if is_postgresql(url):
        from ferryman.store.postgresql.databases import upgrade

        upgrade(parsed)
    else:
        files.prepare(parsed)


def sole_server(url: str, on_lost: OnLost = lambda _: None) -> AbstractContextManager[None]:
    """Hold the lock that allows one server per store; commands may use the store at the same time.

    `on_lost` is called in another thread if the lock was lost with its connection and another server has it now. Raises
    `StoreUnusable` if another server holds it, ValueError as `open_store`.
    """
    parsed = store_url(url)
    if is_postgresql(url):
        from ferryman.store.postgresql.serving_locks import sole_user

        return sole_user(parsed, on_lost)
    return files.sole_user(parsed)


def one_of_several(url: str, name: str, on_lost: OnLost = lambda _: None) -> AbstractContextManager[None]:
    """Hold the locks of one of several servers on a store, which must be in PostgreSQL.

    `on_lost` as for `sole_server`. Raises `StoreUnusable` if the store cannot have several servers, has one of this
    name or one that is alone, or if its clock is not this machine's; ValueError as `open_store`.
    """
    parsed = store_url(url)
    if not is_postgresql(url):
        raise StoreUnusable(
            without_password(parsed), "it is for one server", "Copy it to PostgreSQL with `ferryman store copy`"
        )
    from ferryman.store.postgresql import serving_locks

    return serving_locks.one_of_several(parsed, name, on_lost)


def shown(url: str) -> str:
    """Return a store's URL without its password. Raises ValueError as `open_store`."""
    return without_password(store_url(url))


def advice(url: str, state: str) -> str:
    """Return the advice for a store in a state (`store.faults`), without a final full stop."""
    if is_postgresql(url):
        from ferryman.store.postgresql.faults import ADVICE

        return ADVICE[state]
    return SQLITE_ADVICE[state]
