"""A hostile node: other sessions' ids, forged answers, floods. Other sessions do not notice."""

import asyncio
import contextlib

import aiohttp
import pytest

from ferryman.core.service import Limits
from ferryman.model.sessions import SessionStatus
from ferryman.server.http.admission.throttling import REFUSAL_SECONDS
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType
from tests.server.peers import Peer, acknowledge, output, plain_frame, state, task_complete, typed
from tests.server.running import Node, Paired, Server
from tests.waiting import PATIENCE

FLOOD = 1000


async def unharmed(victim: Paired) -> None:
    """The session is Connected, both its ends are here, got nothing, and each still hears the other."""
    await victim.agent.send(output(0, b"out"))
    await victim.client.send(typed(0, b"in"))
    assert (await victim.client.message()).payload == b"out"
    assert (await victim.agent.message()).payload == b"in"
    session = await victim.server.session(victim.session_id)
    assert (session.status, session.details) == (SessionStatus.CONNECTED, None)


@pytest.mark.parametrize("timeouts", [Timeouts(finish=0.1)], ids=["short"])
@pytest.mark.parametrize("name", ["Connected", "Terminating"])
async def test_session_state_applies_only_to_the_session_of_its_channel(server: Server, name: str) -> None:
    victim, hostile = await server.paired(), await server.paired()
    await hostile.agent.send(state(name, victim.session_id, victim.client_id))
    await hostile.agent.close()
    await server.until_status(hostile.session_id, SessionStatus.DISCONNECTED)
    await unharmed(victim)


async def test_forged_answers_do_not_end_a_session(server: Server) -> None:
    """Neither one that runs, nor one that waits for its client, nor one that does not exist; and all get receipts."""
    victim, hostile = await server.paired(), await server.paired()
    waiting = (await server.start(victim.node))["SessionId"]
    forged = [(victim.session_id, "Failed"), *((waiting, status) for status in ("Success", "Cancelled", "TimedOut"))]
    for session_id, status in (*forged, ("../" + victim.session_id, "Failed"), ("", "Failed")):
        await hostile.control.send(task_complete(session_id, status, "forged"))
        await hostile.control.until(MessageType.AGENT_TASK_ACKNOWLEDGE)
    await unharmed(victim)
    assert (await server.session(waiting)).status is SessionStatus.CONNECTING


async def test_a_channel_for_anothers_session_in_ones_own_name(server: Server) -> None:
    """The token of an own session's channel, with another session's id in the path and in every member."""
    victim, hostile = await server.paired(), await server.paired()
    token = await hostile.node.create_channel("data", hostile.session_id)
    peer = await hostile.node.data(victim.session_id, token=token)
    assert await peer.closed() == 1008
    await unharmed(victim)


async def test_floods_delay_nobody(server: Server) -> None:
    """Of every kind at once: a keystroke's way there and back beside them takes less than two seconds, every time."""
    victim, hostile = await server.paired(), await server.paired()
    floods = [
        (hostile.agent, acknowledge(7)),
        (hostile.agent, output(0, b"x" * 1024)),
        (hostile.agent, state("Connected", victim.session_id)),
        (hostile.agent, plain_frame("brand_new")),
        (hostile.control, plain_frame(MessageType.AGENT_TELEMETRY)),
    ]

    async def send(peer: Peer, frame: bytes) -> None:
        for _ in range(FLOOD):
            await peer.send(frame)

    flooding = [asyncio.create_task(send(peer, frame)) for peer, frame in floods]
    rounds = 0
    while rounds < 10 or not all(task.done() for task in flooding):
        async with asyncio.timeout(PATIENCE):
            await victim.client.send(typed(rounds, b"key"))
            assert (await victim.agent.message()).payload == b"key"
            await victim.agent.send(output(rounds, b"echo"))
            assert (await victim.client.message()).payload == b"echo"
        rounds += 1
    await asyncio.gather(*flooding)
    assert (await server.session(victim.session_id)).status is SessionStatus.CONNECTED


async def test_node_that_requests_acknowledgements_and_reads_none_is_dropped(server: Server) -> None:
    victim, hostile = await server.paired(), await server.paired()
    forged = task_complete("nobody-00000000000000000", "Failed", "forged")
    with contextlib.suppress(aiohttp.ClientConnectionResetError):
        for _ in range(20_000):
            await hostile.control.send(forged)
    assert await hostile.control.closed() in (1006, 1008)  # a connection that is reset loses the close frame
    await unharmed(victim)


class TestPace:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_burst=12, calls_per_second=0.25)  # a turn every four seconds

    async def test_channel_upgrades_are_throttled(self, server: Server) -> None:
        """A node that opens its channels over and over waits for its turn; another one does not."""
        victim, hostile = await server.paired(), await server.paired()

        async def opened(node: Node) -> float:
            """Seconds until a data channel was opened, and closed again."""
            began = asyncio.get_running_loop().time()
            await (await node.data("admin-0123456789abcdef0", token="none")).closed()
            return asyncio.get_running_loop().time() - began

        took = [0.0]
        while took[-1] < 2.0:
            assert len(took) < 14
            took.append(await opened(hostile.node))
        assert await opened(victim.node) < took[-1]
        await unharmed(victim)


class TestWaitingUpgrades:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_burst=12, calls_per_second=0.001, connections_per_caller=4)

    async def test_upgrades_that_wait_for_their_turn_are_limited(self, server: Server) -> None:
        """They count as busy connections, so that further ones are refused and none is evicted to wait unseen."""
        node = await server.register()
        path = "/v1/data-channel/admin-0123456789abcdef0"

        async def upgrade() -> int:
            async with server.http.get(server.url_of(path), headers=node.signed("GET", path)) as answer:
                return answer.status

        began = asyncio.get_running_loop().time()
        waiting = [asyncio.create_task(upgrade()) for _ in range(24)]
        done, _ = await asyncio.wait(waiting)
        assert asyncio.get_running_loop().time() - began >= REFUSAL_SECONDS
        statuses = [task.result() for task in done if task.exception() is None]
        assert len(statuses) == len(waiting)  # an evicted connection has no status
        assert set(statuses) == {400}
