"""Several servers on one NATS: which of them answers, and what happens when NATS is away."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from ferryman.bus.nats import bus as bus_module
from ferryman.bus.nats.bus import NatsBus
from ferryman.core.ports.bus import Handler, NoResponders
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
