"""Commands without a terminal, as documents ask for them: real processes, real pipes, a scripted far end."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from ferryman.agent.channels import dial_data_channel
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.process.reaping import session_members
from ferryman.agent.process.resource_limits import ResourceLimits
from ferryman.agent.records import SUCCESS, SessionResult
from ferryman.agent.session.plan import SessionRefused, plan
from ferryman.agent.session.session import Session, SessionLimits
from ferryman.agent.settings import AgentSettings
from ferryman.transport.http import HttpClient
from ferryman.wire.agent_message import Flag, PayloadType
from ferryman.wire.payloads import encode_flag
from ferryman.wire.tasks import InteractiveShellContent
from tests.unit.agent.peers import Client, Service
from tests.waiting import PATIENCE


def document(session_type: str, commands: object, **properties: object) -> InteractiveShellContent:
    content: dict[str, Any] = {
        "schemaVersion": "1.0",
        "sessionType": session_type,
        "properties": {"linux": {"commands": commands, **properties}},
    }
    return InteractiveShellContent(content, "alice-1")


class Node:
    """Runs one session in this process."""

    def __init__(self, source: CredentialSource, http: HttpClient, service: Service) -> None:
        self._source = source
        self._http = http
        self._service = service
        self.session: Session

    async def start(
        self, content: InteractiveShellContent, client: Client, settings: AgentSettings | None = None
    ) -> "asyncio.Task[SessionResult]":
        planned = plan(content, settings or AgentSettings())
        self.session = Session(
            "alice-1", planned, lambda: dial_data_channel(self._http, self._source, "alice-1"), SessionLimits()
        )
        running = asyncio.create_task(self.session.run())
        await client.join(await self._service.channels.get())
        return running

    async def run(self, commands: str, client: Client, **properties: object) -> SessionResult:
        running = await self.start(document("NonInteractiveCommands", commands, **properties), client)
        async with asyncio.timeout(PATIENCE):
            return await running


@pytest_asyncio.fixture(loop_scope="function")
async def node(service: Service, state: StateDirectory) -> AsyncIterator[Node]:
    async with HttpClient(service.url, user_agent="t") as http:
        yield Node(CredentialSource(state, http), http, service)


def code(client: Client) -> bytes:
    return client.payloads(PayloadType.EXIT_CODE)


async def test_output_and_errors_come_apart_and_the_code_last(node: Node, client: Client) -> None:
    result = await node.run("sh -c 'echo out; echo err >&2; exit 3'", client, separateOutputStream="true")
    assert result.status == SUCCESS
    assert client.payloads(PayloadType.OUTPUT) == b"out\n"
    assert client.payloads(PayloadType.STD_ERR) == b"err\n"
    assert client.received[-1] == (PayloadType.EXIT_CODE, b"EXIT_CODE: 3")


async def test_merged_output_keeps_its_order_and_ferrymans_client_gets_the_code(node: Node, client: Client) -> None:
    await node.run("sh -c 'echo 1; echo 2 >&2; echo 3; echo 4 >&2'", client)
    assert client.payloads(PayloadType.OUTPUT) == b"1\n2\n3\n4\n"
    assert not client.payloads(PayloadType.STD_ERR)
    assert code(client) == b"EXIT_CODE: 0"


async def test_awss_client_gets_no_code_with_merged_output_and_no_command_its_input(
    node: Node, plain_client: Client
) -> None:
    running = await node.start(document("NonInteractiveCommands", "sh -c 'cat; echo end'"), plain_client)
    plain_client.type(b"not for the command\n")
    assert (await running).status == SUCCESS
    assert plain_client.payloads(PayloadType.OUTPUT) == b"end\n"
    assert not code(plain_client)


@pytest.mark.parametrize(
    ("commands", "status"),
    [
        ("true", 0),
        ("false", 1),
        ("/", 126),
        ("/etc/passwd", 126),
        ("no-such-program", 127),
        ("/no/such/program", 127),
        ("sh -c 'kill -KILL $$'", 137),
        ("sh -c 'kill -TERM $$'", 143),
    ],
)
@pytest.mark.parametrize("separate", [True, False])
async def test_exit_codes(node: Node, client: Client, commands: str, status: int, separate: bool) -> None:
    await node.run(commands, client, separateOutputStream=separate)
    assert code(client) == f"EXIT_CODE: {status}".encode()
    told = client.payloads(PayloadType.STD_ERR if separate else PayloadType.OUTPUT)
    assert told.startswith(b"cannot execute") == (status in (126, 127))


async def test_input_is_the_commands_standard_input_until_it_ends(node: Node, client: Client) -> None:
    running = await node.start(document("NonInteractiveCommands", "sha256sum"), client)
    data = os.urandom(3_000_000) + b"\x03\x1c\n"
    client.type(data)
    client.flag(Flag.INPUT_ENDED)
    await running
    assert client.payloads(PayloadType.OUTPUT).split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert client.engine.all_acknowledged


async def test_input_flows_both_ways_without_limit(node: Node, client: Client) -> None:
    running = await node.start(document("NonInteractiveCommands", "cat"), client)
    data = os.urandom(8_000_000)
    client.type(data)
    client.flag(Flag.INPUT_ENDED)
    await running
    assert client.payloads(PayloadType.OUTPUT) == data


async def test_input_for_a_command_that_does_not_read_is_acknowledged_when_it_has_ended(
    node: Node, client: Client
) -> None:
    running = await node.start(document("NonInteractiveCommands", "sh -c 'exec <&-; sleep 0.1; echo done'"), client)
    client.type(b"x" * 500_000)
    client.flag(Flag.INPUT_ENDED)
    await running
    assert client.payloads(PayloadType.OUTPUT) == b"done\n"
    assert client.engine.all_acknowledged


@pytest.mark.parametrize(("key", "number"), [(b"\x03", signal.SIGINT), (b"\x1c", signal.SIGQUIT)])
async def test_keys_of_awss_client_are_signals(
    node: Node, plain_client: Client, key: bytes, number: signal.Signals
) -> None:
    commands = "sh -c 'ulimit -c 0; echo ready; exec sleep 1000'"
    content = document("NonInteractiveCommands", commands, separateOutputStream=True)
    running = await node.start(content, plain_client)
    await plain_client.shows("ready")
    plain_client.type(b"x" + key)
    await running
    assert code(plain_client) == f"EXIT_CODE: {128 + number}".encode()


async def test_the_flag_to_terminate_ends_the_command(node: Node, client: Client) -> None:
    running = await node.start(document("NonInteractiveCommands", "sh -c 'echo $$; exec sleep 1000'"), client)
    await client.shows("\n")
    client.flag(Flag.TERMINATE_SESSION)
    assert (await running).status == SUCCESS
    assert not session_members(int(client.payloads(PayloadType.OUTPUT)))


async def test_background_processes_of_a_command_end_with_it(node: Node, client: Client) -> None:
    await node.run("sh -c 'sleep 1000 & echo $$'", client)
    assert not session_members(int(client.payloads(PayloadType.OUTPUT)))
    assert code(client) == b"EXIT_CODE: 0"


async def test_output_that_the_client_does_not_take_stops_the_command(node: Node, client: Client) -> None:
    client.consumes = False
    running = await node.start(document("NonInteractiveCommands", "head -c 20000000 /dev/zero"), client)
    await client.until(lambda: node.session.capacity() == 0)
    assert sum(len(payload) for _, payload in client.received) < 3_000_000
    client.consume()
    await running
    assert len(client.payloads(PayloadType.OUTPUT)) == 20_000_000


async def test_prefixes_begin_pieces_that_begin_lines(node: Node, client: Client) -> None:
    commands = "sh -c 'echo a; sleep 0.1; printf b; sleep 0.1; echo c; sleep 0.1; echo d; echo e >&2'"
    await node.run(
        commands, client, separateOutputStream=True, stdOutSeparatorPrefix="out:", stdErrSeparatorPrefix="err:"
    )
    assert client.payloads(PayloadType.OUTPUT) == b"out:a\nout:bc\nout:d\n"
    assert client.payloads(PayloadType.STD_ERR) == b"err:e\n"


async def test_nothing_goes_through_a_shell(node: Node, client: Client) -> None:
    await node.run("echo '$HOME' * ; true", client)
    assert client.payloads(PayloadType.OUTPUT) == b"$HOME * ; true\n"


async def test_interactive_commands_have_a_terminal(node: Node, client: Client) -> None:
    running = await node.start(document("InteractiveCommands", "stty size; read x; echo got-$x"), client)
    client.resize(120, 40)
    await client.shows("40 120")
    client.type("line\n")
    assert (await running).status == SUCCESS
    assert b"got-line" in client.output


async def test_limits_hold_for_the_program(node: Node, client: Client) -> None:
    settings = AgentSettings(limits=ResourceLimits(open_files=321, file_bytes=4096, processes=None))
    content = document("NonInteractiveCommands", "sh -c 'ulimit -n; ulimit -Hn; ulimit -c; ulimit -f'")
    await (await node.start(content, client, settings))
    assert client.payloads(PayloadType.OUTPUT) == b"321\n321\n0\n8\n"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (document("NonInteractiveCommands", ""), "Commands cannot be empty"),
        (document("NonInteractiveCommands", "  "), "Commands cannot be empty"),
        (document("NonInteractiveCommands", "echo 'open"), "cannot split the command line"),
        (document("NonInteractiveCommands", ["ls"]), "Commands cannot be empty"),
        (document("NonInteractiveCommands", "a\0b"), "NUL"),
        (document("InteractiveCommands", None), "Commands cannot be empty for session type InteractiveCommands"),
        (document("NonInteractiveCommands", "ls", separateOutputStream="maybe"), "neither true nor false"),
        (
            document("NonInteractiveCommands", "ls", separateOutputStream=True, stdOutSeparatorPrefix="$"),
            "invalid stdOutSeparatorPrefix",
        ),
        (document("Unheard_of", "ls"), "Sessions of type Unheard_of are not supported"),
    ],
)
def test_documents_that_cannot_be_run_say_why(content: InteractiveShellContent, text: str) -> None:
    with pytest.raises(SessionRefused, match=text):
        plan(content, AgentSettings())


async def test_malformed_flags_are_consumed(node: Node, client: Client) -> None:
    running = await node.start(document("NonInteractiveCommands", "cat"), client)
    client.engine.send(PayloadType.FLAG, b"\x00", 0.0)
    client.engine.send(PayloadType.FLAG, encode_flag(99), 0.0)
    client.type(b"through")
    client.flag(Flag.INPUT_ENDED)
    await running
    assert client.payloads(PayloadType.OUTPUT) == b"through"
