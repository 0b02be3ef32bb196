"""How sessions end by themselves: limits, faults, and the client's own doing. Real terminals, a scripted far end."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from ferryman.agent.channels import SessionOver, dial_data_channel
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.process.accounts import environment, own_account
from ferryman.agent.process.launcher import Program, on_terminal
from ferryman.agent.process.reaping import session_members
from ferryman.agent.records import FAILED, SUCCESS, SessionResult
from ferryman.agent.session.session import Session, SessionLimits, session_limits
from ferryman.agent.session.session_handler import Plan
from ferryman.agent.session.terminal import TerminalSession
from ferryman.model.session_types import SessionType
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient
from ferryman.transport.standby import UnopenedChannel
from ferryman.wire.agent_message import PayloadType
from tests.unit.agent.peers import Client, Service
from tests.waiting import PATIENCE

LONG = SessionLimits()


class Node:
    """Runs one session in this process."""

    def __init__(self, open_socket: Callable[[], Awaitable[UnopenedChannel]]) -> None:
        self.open_socket = open_socket
        self._running: asyncio.Task[SessionResult] | None = None
        self.leader = 0

    def start(self, command: str, limits: SessionLimits = LONG, typed: bytes = b"") -> Session:
        account = own_account()
        child = on_terminal(Program("/bin/sh", ("sh", "-c", command), environment(account, {}), account))
        self.leader = child.pid
        plan = Plan(SessionType.STANDARD_STREAM, None, lambda client: TerminalSession(client, child, typed))
        session = Session("alice-1", plan, self.open_socket, limits)
        self._running = asyncio.create_task(session.run())
        return session

    async def result(self) -> SessionResult:
        assert self._running is not None
        async with asyncio.timeout(PATIENCE):
            result = await self._running
        assert not session_members(self.leader)
        return result


@pytest_asyncio.fixture(loop_scope="function")
async def node(service: Service, state: StateDirectory) -> AsyncIterator[Node]:
    async with HttpClient(service.url, user_agent="t") as http:
        source = CredentialSource(state, http)
        yield Node(lambda: dial_data_channel(http, source, "alice-1"))


def limits(**changes: float) -> SessionLimits:
    return dataclasses.replace(LONG, **changes)


async def unreachable() -> UnopenedChannel:
    raise Unreachable("scripted")


async def over() -> UnopenedChannel:
    raise SessionOver("scripted")


async def test_a_server_that_never_answers_ends_it() -> None:
    node = Node(unreachable)
    node.start("echo ran", limits(client_wait=0.2))
    result = await node.result()
    assert result.status == FAILED


async def test_a_session_that_the_server_reports_as_over_ends() -> None:
    node = Node(over)
    node.start("echo ran")
    assert (await node.result()).status == SUCCESS


async def test_a_client_that_never_comes_ends_it_and_nothing_was_run(node: Node, service: Service) -> None:
    node.start("echo ran > /dev/tty; exec sleep 1000", limits(client_wait=3))
    channel = await service.channels.get()
    result = await node.result()
    assert (result.status, result.output) == (FAILED, "No client completed the handshake in time.")
    await channel.lost.wait()
    assert [state.session_state for state in channel.states] == ["Connected"]


async def test_a_lost_server_ends_it_after_the_bounded_time(node: Node, service: Service, client: Client) -> None:
    node.start("echo ready; exec sleep 1000", limits(outage=0.3))
    await client.join(await service.channels.get())
    await client.shows("ready")
    await service.stop()
    result = await node.result()
    assert result.status == FAILED
    assert "no connection to the server" in result.output


@pytest.mark.parametrize(("changes", "text"), [({"idle": 0.2}, "idle"), ({"duration": 0.2}, "maximum duration")])
async def test_the_nodes_own_limits(
    node: Node, service: Service, client: Client, changes: dict[str, float], text: str
) -> None:
    async def join() -> None:
        await client.join(await service.channels.get())

    node.start("exec sleep 1000", limits(**changes))
    joining = asyncio.create_task(join())  # a slow machine reaches the limit first
    result = await node.result()
    joining.cancel()
    assert result.status == FAILED
    assert text in result.output


async def test_output_keeps_it_from_being_idle(node: Node, service: Service, client: Client) -> None:
    node.start("for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.3; done", limits(idle=2))
    await client.join(await service.channels.get())
    assert (await node.result()).output == ""
    assert b"10\r\n" in client.output


async def test_a_shell_that_cannot_be_executed_is_reported(node: Node, service: Service, client: Client) -> None:
    account = own_account()
    child = on_terminal(Program("/nonexistent", ("x",), environment(account, {}), account))
    plan = Plan(SessionType.STANDARD_STREAM, None, lambda client: TerminalSession(client, child))
    session = Session("alice-1", plan, node.open_socket, LONG)
    running = asyncio.create_task(session.run())
    await client.join(await service.channels.get())
    result = await running
    assert result.status == FAILED
    assert result.output.startswith("Unable to start command: cannot execute /nonexistent")


async def test_a_client_that_sends_no_size_gets_80_by_24(node: Node, service: Service, client: Client) -> None:
    node.start("stty size")
    await client.join(await service.channels.get())
    assert (await node.result()).status == SUCCESS
    assert client.output == b"24 80\r\n"


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"cols":200,"rows":50}', b"50 200"),
        (b'{"cols":0,"rows":0}', b"24 80"),
        (b'{"cols":70000,"rows":-1}', b"24 80"),
        (b"garbage", b"24 80"),
        (b'{"cols":"a"}', b"24 80"),
    ],
)
async def test_sizes_good_and_bad(node: Node, service: Service, client: Client, payload: bytes, shown: bytes) -> None:
    node.start("stty size")
    client.engine.send(PayloadType.SIZE, payload, 0.0)
    await client.join(await service.channels.get())
    await node.result()
    assert client.output == shown + b"\r\n"
    assert client.engine.all_acknowledged


async def test_flags_and_unknown_input_are_consumed_and_not_typed(node: Node, service: Service, client: Client) -> None:
    node.start("stty -echo; echo ready; read line; echo got-$line")
    for kind in (PayloadType.FLAG, PayloadType.PARAMETER, PayloadType.ERROR):
        client.engine.send(kind, b"\x00\x00\x00\x02", 0.0)
    await client.join(await service.channels.get())
    await client.shows("ready")
    client.type("line\n")
    await node.result()
    assert b"got-line\r\n" in client.output


async def test_a_shell_profile_is_typed_first(node: Node, service: Service, client: Client) -> None:
    node.start("stty -echo; read a; read b; echo $a-$b", typed=b"first\n")
    client.type("second\n")
    await client.join(await service.channels.get())
    await node.result()
    assert b"first-second\r\n" in client.output


async def test_ending_it_hangs_up_whoever_is_in_the_foreground(node: Node, service: Service, client: Client) -> None:
    session = node.start("echo ready; sleep 1000")
    await client.join(await service.channels.get())
    await client.shows("ready")
    session.end()
    session.end(FAILED, "too late to matter")
    result = await node.result()
    assert (result.status, result.output) == (SUCCESS, "")


async def test_output_that_nobody_has_taken_outlives_a_client_process(
    node: Node, service: Service, client: Client
) -> None:
    node.start("read x; seq 1 60000")
    channel = await service.channels.get()
    client.consumes = False
    await client.join(channel)
    client.type("\n")
    await client.until(lambda: len(client.unconsumed) > 5)
    await client.leave()
    successor = Client()
    await successor.join(channel)
    assert (await node.result()).status == SUCCESS
    assert bytes(successor.output).endswith(b"59999\r\n60000\r\n")
    assert b"\r\n1\r\n2\r\n" in successor.output
    await successor.leave()


def test_limits_come_from_the_document_a_minute_later() -> None:
    assert session_limits({}) == SessionLimits(outage=1200, idle=1260, duration=None)
    assert session_limits({"idleSessionTimeout": "5", "maxSessionDuration": "30"}) == SessionLimits(
        outage=300, idle=360, duration=1860
    )
    assert session_limits({"idleSessionTimeout": "", "maxSessionDuration": "x"}) == session_limits({})


async def test_the_exit_code_is_for_ferrymans_client_only(
    node: Node, service: Service, client: Client, plain_client: Client
) -> None:
    for each, told in ((client, b"EXIT_CODE: 3"), (plain_client, b"")):
        node.start("exit 3")
        await each.join(await service.channels.get())
        assert (await node.result()).status == SUCCESS
        assert each.payloads(PayloadType.EXIT_CODE) == told


async def test_a_signal_is_reported_as_shells_do(node: Node, service: Service, client: Client) -> None:
    node.start("kill -9 $$")
    await client.join(await service.channels.get())
    await node.result()
    assert client.payloads(PayloadType.EXIT_CODE) == b"EXIT_CODE: 137"


async def test_the_exit_code_that_one_client_did_not_take_is_not_shown_to_one_of_awss(
    node: Node, service: Service, client: Client, plain_client: Client
) -> None:
    node.start("echo words; exit 3")
    channel = await service.channels.get()
    client.consumes = False
    await client.join(channel)
    await client.until(lambda: client.payloads(PayloadType.EXIT_CODE) != b"")
    await client.leave()
    await plain_client.join(channel)
    await node.result()
    assert plain_client.output == b"words\r\n"
