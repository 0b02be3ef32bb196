"""PostgreSQL as the store: races between servers, cut and silent connections, values that it cannot hold."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import LiteralString

import psycopg
import pytest
from sqlalchemy import text

from ferryman.core.listings import ListingTooSlow
from ferryman.model.documents import DocumentFormat, DocumentVersion, StoredDocument
from ferryman.model.errors import ServiceError, StoreUnavailable
from ferryman.model.identifiers import ActivationId, Millis, NodeId, SessionId
from ferryman.model.identity.groups import Group
from ferryman.model.identity.users import User
from ferryman.model.nodes import Activation
from ferryman.model.sessions import Session, SessionQuota, SessionStatus, SessionUsage
from ferryman.store.connections import READERS
from ferryman.store.database import SqlStore, open_store
from ferryman.store.postgresql.connections import WRITERS, PostgresqlConnections
from ferryman.store.urls import store_url
from tests.waiting import PATIENCE

ALICE = User("AIDA1", "alice", Millis(1))
BUILT_IN = "arn:aws:iam::aws:policy/FerrymanOperator"
DOCUMENT = StoredDocument(
    DocumentVersion("Doc", 1, DocumentFormat.JSON, ("Linux",), Millis(1)),
    content="{}",
    json="{}",
    default_version=1,
    latest_version=1,
)
SESSION = Session(
    session_id=SessionId("alice-0"),
    target=NodeId("mi-1"),
    status=SessionStatus.CONNECTING,
    started_at=Millis(1000),
    document_name="d",
    owner="arn",
    owner_id="AIDA1",
    owner_name="alice",
    deadline_at=Millis(61_000),
    idle_timeout=20,
    token_id="t",
)
QUOTA = SessionQuota("AIDA1", SessionUsage(waiting=5, waiting_bytes=1000, on_node=8))
SLEEP = text("SELECT pg_sleep(3600)")


@dataclass
class Relay:
    """Passes connections on to PostgreSQL until it is told to cut them, to refuse them or to swallow what they send."""

    port: int
    refuses: bool = False
    swallows: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuses:
            writer.close()
        else:
            self.tasks.add(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers |= {writer, back}
        await asyncio.gather(self.carry(reader, back), self.carry(there, writer))

    async def carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not self.swallows:
                    sink.write(data)
                    await sink.drain()
        sink.close()

    def cut(self) -> None:
        for writer in self.writers:
            writer.close()
        self.writers.clear()


@contextlib.asynccontextmanager
async def relayed(url: str) -> AsyncIterator[tuple[Relay, str]]:
    """A relay to the database, and the URL through it."""
    parsed = store_url(url)
    assert parsed.port is not None
    relay = Relay(parsed.port)
    server = await asyncio.start_server(relay.accept, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    async with server:
        try:
            yield relay, url.replace(f":{parsed.port}/", f":{port}/")
        finally:
            relay.cut()
            await asyncio.gather(*relay.tasks)


@contextlib.asynccontextmanager
async def several(url: str, many: int = 3) -> AsyncIterator[list[SqlStore]]:
    """Stores with connections of their own, as several servers have."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(await open_store(url)) for _ in range(many)]


async def test_claims_and_tokens_are_atomic_between_servers(postgresql_url: str) -> None:
    activation = Activation(ActivationId("a"), b"hash", "role", None, None, 5, 0, Millis(1), Millis(100))
    async with several(postgresql_url) as stores:
        await stores[0].activations.add(activation)
        await stores[0].sessions.add(SESSION)
        claims = (store.activations.claim(activation.activation_id, Millis(2)) for store in stores * 10)
        tokens = (store.sessions.consume_token(SESSION.session_id, "t") for store in stores * 10)
        claimed, consumed = await asyncio.gather(asyncio.gather(*claims), asyncio.gather(*tokens))
        assert sum(claimed) == 5
        assert [session for session in consumed if session is not None] == [replace(SESSION, token_id=None)]


async def test_a_quota_holds_between_servers(postgresql_url: str) -> None:
    """Each of them counts rows that another is about to add: what one alone would do right."""
    async with several(postgresql_url) as stores:
        numbered = [replace(SESSION, session_id=SessionId(f"n-{number}")) for number in range(30)]
        used = await asyncio.gather(
            *(stores[number % 3].sessions.add(each, "{}", QUOTA) for number, each in enumerate(numbered))
        )
        assert used.count(None) == 5
        assert len(await stores[0].sessions.active_on(NodeId("mi-1"))) == 5


SAME_ROWS = {
    "document version": (
        "INSERT INTO document_versions (name, version, format, platforms, created_at, type, content, is_default)"
        " VALUES ('Doc', 2, 'JSON', '', 1, 'Session', '2', false)",
        lambda store: store.documents.append(replace(DOCUMENT, content="3")),
        None,
    ),
    "inline policy": (
        "INSERT INTO inline_policies (owner_id, name, text) VALUES ('AIDA1', 'p', 'theirs')",
        lambda store: store.policies.put_inline("AIDA1", "p", "ours"),
        None,
    ),
    "attachment": (
        "INSERT INTO policy_attachments (owner_id, arn) VALUES ('AIDA1', 'arn:aws:iam::aws:policy/FerrymanOperator')",
        lambda store: store.policies.attach("AIDA1", BUILT_IN),
        True,
    ),
    "member": (
        "INSERT INTO group_members (group_id, user_id) VALUES ('AGPA1', 'AIDA1')",
        lambda store: store.groups.add_member("AGPA1", "AIDA1"),
        True,
    ),
}
"""What another server inserts, what we call meanwhile, and what that returns."""


@pytest.mark.parametrize(("theirs", "ours", "returns"), SAME_ROWS.values(), ids=SAME_ROWS)
async def test_a_row_that_another_server_inserts_at_the_same_time_is_no_error(
    postgresql_url: str, theirs: LiteralString, ours: Callable[[SqlStore], Awaitable[object]], returns: object
) -> None:
    async with await open_store(postgresql_url) as store:
        await store.identities.add_user(ALICE)
        await store.groups.add(Group("AGPA1", "web", Millis(1)))
        await store.documents.add(DOCUMENT)
        async with await psycopg.AsyncConnection.connect(postgresql_url) as other:
            await other.execute(theirs)
            call = asyncio.ensure_future(ours(store))
            await until_one_waits(postgresql_url)
            await other.commit()
        assert await call == returns
        assert [text for _, text in await store.policies.inline("AIDA1")] in ([], ["ours"])


async def until_one_waits(url: str) -> None:
    """Return when a statement waits for another transaction's lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ferryman' AND wait_event_type = 'Lock'"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher, asyncio.timeout(PATIENCE):
        while await (await watcher.execute(waiting)).fetchone() == (0,):
            await asyncio.sleep(0.01)


async def test_connections_that_were_closed_while_idle_are_replaced_unnoticed(postgresql_url: str) -> None:
    async with await open_store(postgresql_url) as store:
        await store.identities.add_user(ALICE)
        assert await store.identities.users() == [ALICE]
        with psycopg.connect(postgresql_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ferryman'")
        await store.check()
        assert await store.identities.users() == [ALICE]
        await store.identities.add_user(User("AIDA2", "bob", Millis(2)))


async def test_a_database_that_is_away_is_said_to_be_gone_and_used_again_when_it_is_back(postgresql_url: str) -> None:
    async with relayed(postgresql_url) as (relay, url), await open_store(url) as store:
        await store.identities.add_user(ALICE)
        relay.refuses = True
        relay.cut()
        for attempt in (store.identities.users, store.check, lambda: store.sessions.add(SESSION)):
            with pytest.raises(StoreUnavailable) as refused:
                await attempt()
            assert refused.value.state == "gone"
        relay.refuses = False
        await store.check()
        assert await store.identities.users() == [ALICE]
        assert await store.sessions.get(SESSION.session_id) is None, "the write that failed left nothing"


async def test_a_database_that_does_not_answer_is_not_waited_for(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with relayed(postgresql_url) as (relay, url), await open_store(url) as store:
        await store.identities.add_user(ALICE)
        monkeypatch.setattr(PostgresqlConnections, "patience", 1.0)
        relay.swallows = True
        async with asyncio.timeout(PATIENCE):
            calls = [store.identities.users() for _ in range(3 * READERS)]
            calls += [store.identities.users() for _ in range(WRITERS)]
            found = await asyncio.gather(*calls, return_exceptions=True)
        assert {getattr(each, "state", each) for each in found if not isinstance(each, list)} == {"gone"}
        relay.swallows = False
        relay.cut()


async def test_a_slow_listing_is_stopped(postgresql_url: str) -> None:
    connections = PostgresqlConnections(store_url(postgresql_url), listing_seconds=0.3)
    try:
        for _ in range(6):
            with pytest.raises(ListingTooSlow, match=r"not finished within 0\.3 seconds"):
                await connections.list_rows(SLEEP)
    finally:
        await connections.close()


async def test_a_row_that_somebody_holds_is_not_waited_for_endlessly(postgresql_url: str) -> None:
    async with await open_store(postgresql_url) as store:
        await store.sessions.add(SESSION)
        with psycopg.connect(postgresql_url) as other:
            other.execute("SELECT 1 FROM sessions FOR UPDATE")
            with pytest.raises(StoreUnavailable, match="lock timeout") as refused:
                await store.sessions.set_deadline(SESSION.session_id, Millis(5))
            assert refused.value.state == "locked"


@pytest.mark.parametrize("reason", ["a\0b", "x" * 257])
async def test_a_value_that_does_not_fit_is_the_callers_fault(postgresql_url: str, reason: str) -> None:
    async with await open_store(postgresql_url) as store:
        with pytest.raises(ServiceError) as refused:
            await store.sessions.add(replace(SESSION, reason=reason))
        assert refused.value.code == "ValidationException"
        assert refused.value.message == "A value is too long, or has a NUL character."  # not the database's own words
        assert refused.value.cause


async def test_readers_cannot_write(postgresql_url: str) -> None:
    connections = PostgresqlConnections(store_url(postgresql_url))
    try:
        with pytest.raises(StoreUnavailable, match="read-only"):
            await connections.read(text("DELETE FROM users RETURNING 1"))
    finally:
        await connections.close()
