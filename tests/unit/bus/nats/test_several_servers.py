"""Several servers on one NATS: which of them answers, and what happens when NATS is away."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from ferryman.bus.delivery import Subscriber
from ferryman.bus.nats import bus as bus_module
from ferryman.bus.nats.bus import NatsBus, _Held
from ferryman.bus.nats.envelopes import Absent, Holding, Probe, Reply, encode
from ferryman.bus.nats.inbox import Inbox
from ferryman.core.ports.bus import MESSAGE_LIMIT, Handler, NoResponders
from tests.nats import NatsServer, open_bus, running_nats
from tests.waiting import PATIENCE

Made = Callable[[], "asyncio.Future[NatsBus]"]


def answering(reply: bytes) -> Handler:
    async def handle(payload: bytes) -> bytes:
        return reply + payload

    return handle


async def until_answer(bus: NatsBus, subject: str, expected: bytes) -> None:
    """Ask until the reply is as expected; at most once in a hundredth of a second."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                if await bus.request(subject, b"", timeout=1) == expected:
                    return
            except (NoResponders, TimeoutError):
                pass
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "_YIELDED_SECONDS", 0.05)


@pytest.fixture
async def three(nats_server: NatsServer) -> AsyncIterator[list[NatsBus]]:
    prefix = secrets.token_hex(4)
    buses = [await open_bus(nats_server, prefix) for _ in range(3)]
    yield buses
    for bus in buses:
        await bus.close()


@pytest.fixture
async def pair(tmp_path: Path) -> "AsyncIterator[tuple[NatsServer, NatsBus, NatsBus]]":
    """A NATS of the test's own, which it may stop, and two servers on it."""
    with running_nats(tmp_path) as server:
        one, other = await open_bus(server), await open_bus(server)
        yield server, one, other
        await one.close()
        await other.close()


async def test_the_newest_of_all_servers_answers(three: list[NatsBus]) -> None:
    """A node whose old connection is not known to be lost yet is reached over its new one."""
    older, newer, asking = three
    await older.subscribe("control.x", answering(b"older"))
    newest = await newer.subscribe("control.x", answering(b"newer"))
    for bus in three:
        await until_answer(bus, "control.x", b"newer")
    assert [await asking.request("control.x", b"", timeout=PATIENCE) for _ in range(30)] == [b"newer"] * 30
    await newest.close()
    for bus in three:
        await until_answer(bus, "control.x", b"older")


async def test_the_older_is_told_that_it_is_superseded(three: list[NatsBus]) -> None:
    """And nobody else: not the newest, and not by a newer subscriber of the same server."""
    told: list[str] = []
    older, newer, _ = three
    for name in ("first", "second"):
        await older.subscribe("session.x", answering(b"older"), lambda name=name: told.append(name))  # type: ignore[misc]
    await newer.subscribe("session.x", answering(b"newer"), lambda: told.append("newest"))
    await until_answer(older, "session.x", b"newer")
    assert told == ["first", "second"]


async def test_the_older_answers_again_when_the_newest_server_dies(three: list[NatsBus]) -> None:
    older, newer, asking = three
    await older.subscribe("control.x", answering(b"older"))
    await newer.subscribe("control.x", answering(b"newer"))
    await until_answer(older, "control.x", b"newer")
    await newer.close()
    await until_answer(asking, "control.x", b"older")


async def test_the_older_does_not_answer_while_the_newest_is_there(three: list[NatsBus]) -> None:
    """It asks again and again whether the newest is, and nobody else is left to answer it."""
    older, newer, _ = three
    asked, handle = 0, newer._asked

    def count(held: _Held, message: Msg) -> None:
        nonlocal asked
        asked += 1
        handle(held, message)

    newer._asked = count  # type: ignore[method-assign]
    await older.subscribe("control.x", answering(b"older"))
    await newer.subscribe("control.x", answering(b"newer"))
    await until_answer(older, "control.x", b"newer")
    before = asked
    async with asyncio.timeout(PATIENCE):
        while asked < before + 5:
            assert older._held["control.x"].yielded
            await asyncio.sleep(0.01)


async def test_what_was_published_before_ones_own_subscription_does_not_make_it_the_older(three: list[NatsBus]) -> None:
    """NATS puts the two in order: an announcement that comes before one's own is older."""
    (bus, *_), held = three, _Held("control.x", 5)
    held.subscribers.append(Subscriber("control.x", answering(b"")))
    bus._other_holds(held, Holding("another", 10**15, taken=True))
    await asyncio.gather(*bus._link._tasks)
    assert not held.yielded
    bus._other_holds(held, Holding(bus._id, 5, taken=True))
    bus._other_holds(held, Holding("another", 0, taken=True))
    async with asyncio.timeout(PATIENCE):
        while not held.yielded:
            await asyncio.sleep(0)


async def test_reply_that_is_too_large_is_an_error_and_requests_leave_nothing(three: list[NatsBus]) -> None:
    async def answer(_: bytes) -> bytes:
        return bytes(MESSAGE_LIMIT + 1)

    await three[0].subscribe("control.x", answer)
    with pytest.raises(TimeoutError, match="the reply is too large"):
        await three[1].request("control.x", b"", timeout=PATIENCE)
    assert three[1]._link._inbox._waiting == {}


async def test_subscriber_that_has_just_gone_is_absent(three: list[NatsBus]) -> None:
    """NATS may still pass on a request."""
    inbox = three[1]._link._inbox
    await three[2]._link.client.subscribe("says.nothing")
    await three[2].drain()
    asking = asyncio.create_task(inbox.ask(three[1]._link.client, "says.nothing", encode(Probe())))
    while not inbox._waiting:
        await asyncio.sleep(0)
    (number,) = inbox._waiting
    message = Msg(three[0]._link.client, "x", f"{inbox._subject}.{number}", encode(Probe()))
    three[0]._asked(_Held("control.x", 0), message)
    assert await asyncio.wait_for(asking, PATIENCE) == Absent()


async def test_second_answer_to_a_request_counts_nothing(three: list[NatsBus]) -> None:
    inbox = Inbox("x")
    inbox._waiting["0"] = future = asyncio.get_running_loop().create_future()
    for body in (b"first", b"second"):
        await inbox._answered(Msg(three[0]._link.client, "x.0", "", encode(Reply(body))))
    assert future.result() == Reply(b"first")


async def test_nobody_is_believed_to_be_absent_just_after_an_outage(three: list[NatsBus]) -> None:
    """Other servers may not be back yet."""
    link = three[0]._link
    link._settled_at = time.monotonic() + PATIENCE
    asking = asyncio.create_task(three[0].request("control.x", b"", timeout=PATIENCE))
    await three[0].drain()
    await three[1].subscribe("control.x", answering(b"late"))
    assert await asking == b"late"


async def test_publications_reach_every_server_once(three: list[NatsBus]) -> None:
    heard: list[tuple[int, bytes]] = []

    def listener(number: int) -> Handler:
        async def handle(payload: bytes) -> bytes:
            heard.append((number, payload))
            return b""

        return handle

    for number, bus in enumerate(three):
        await bus.subscribe("session.x", listener(number))
    await three[0].publish("session.x", b"a")
    for bus in three:
        await bus.drain()
    assert sorted(heard) == [(0, b"a"), (1, b"a"), (2, b"a")]


async def test_servers_of_another_prefix_hear_nothing(three: list[NatsBus], nats_server: NatsServer) -> None:
    stranger = await open_bus(nats_server, secrets.token_hex(4))
    await three[0].subscribe("control.x", answering(b""))
    with pytest.raises(NoResponders):
        await stranger.request("control.x", b"", timeout=PATIENCE)
    await stranger.close()


async def test_a_restart_of_nats_under_load_is_healed(pair: tuple[NatsServer, NatsBus, NatsBus]) -> None:
    """Every request ends, and none twice: with its own reply, or with an error."""
    server, one, other = pair
    handled: list[bytes] = []

    async def handle(payload: bytes) -> bytes:
        handled.append(payload)
        return payload

    await other.subscribe("control.x", handle)
    outcomes: list[bool] = []

    async def load(worker: int) -> None:
        for number in range(10_000):
            payload = b"%d.%d" % (worker, number)
            try:
                assert await one.request("control.x", payload, timeout=PATIENCE) == payload
                outcomes.append(True)
            except TimeoutError:
                outcomes.append(False)
            except NoResponders:
                outcomes.append(False)
            if not all(outcomes) and outcomes[-20:] == [True] * 20:
                return

    loading = [asyncio.create_task(load(worker)) for worker in range(8)]
    while len(outcomes) < 50:
        await asyncio.sleep(0)
    server.stop()
    server.start()
    await asyncio.wait_for(asyncio.gather(*loading), PATIENCE)
    assert not all(outcomes)
    assert len(handled) == len(set(handled))


async def test_without_nats_a_server_reaches_its_own_and_nobody_hangs(
    pair: tuple[NatsServer, NatsBus, NatsBus],
) -> None:
    server, one, other = pair
    await one.subscribe("control.mine", answering(b"mine"))
    await other.subscribe("control.theirs", answering(b"theirs"))
    server.stop()
    while one.is_connected or other.is_connected:
        await asyncio.sleep(0.01)
    assert await one.request("control.mine", b"", timeout=PATIENCE) == b"mine"
    with pytest.raises(TimeoutError, match="NATS was not reachable"):
        await one.request("control.theirs", b"", timeout=0.05)
    assert await one.subscribed(("control.mine", "control.theirs"), timeout=0.05) == {"control.mine"}
    await one.publish("control.theirs", b"")
    await one.subscribe("control.late", answering(b"late"))
    server.start()
    await until_answer(other, "control.late", b"late")
    await until_answer(one, "control.theirs", b"theirs")


async def test_a_node_that_moved_while_its_old_server_was_cut_off_is_reached(
    pair: tuple[NatsServer, NatsBus, NatsBus],
) -> None:
    server, one, other = pair
    await one.subscribe("control.x", answering(b"older"))
    server.stop()
    while one.is_connected or other.is_connected:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.002)  # so that the times differ, which are milliseconds
    await other.subscribe("control.x", answering(b"newer"))
    server.start()
    await until_answer(one, "control.x", b"newer")
    assert [await one.request("control.x", b"", timeout=PATIENCE) for _ in range(20)] == [b"newer"] * 20


async def test_a_frozen_nats_costs_no_more_than_bounded_memory_and_heals(
    pair: tuple[NatsServer, NatsBus, NatsBus], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, one, other = pair
    heard = 0

    async def listen(payload: bytes) -> bytes:
        nonlocal heard
        heard += 1
        return b""

    await other.subscribe("session.x", listen)
    server.freeze()
    asking = [asyncio.create_task(one.request("session.x", bytes(500_000), timeout=0.1)) for _ in range(20)]
    said = [str(each) for each in await asyncio.gather(*asking, return_exceptions=True)]
    assert set(said) == {"session.x: no reply within 0.1 s", "session.x: too much waits to be sent to NATS"}
    sending = [asyncio.create_task(one.publish("session.x", bytes(500_000))) for _ in range(40)]
    assert one._link.client.pending_data_size < 6 * 1024 * 1024
    server.freeze(frozen=False)
    await asyncio.wait_for(asyncio.gather(*sending), PATIENCE)
    await until_answer(one, "session.x", b"")
    assert 0 < heard < 40
