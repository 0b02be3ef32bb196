"""What a node reads of its server: tasks, credentials, settings: `ferryman.agent`."""

import asyncio
import ipaddress
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import cast

import msgspec

from ferryman.agent import information
from ferryman.agent.control_channel import ControlChannel
from ferryman.agent.identity import credentials, registration
from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.session import plan as plan_module
from ferryman.agent.session.destinations import is_denied, networks
from ferryman.agent.session.terminal import TerminalSession
from ferryman.agent.sessions import Sessions
from ferryman.agent.settings import DEFAULT_SETTINGS, read_settings
from ferryman.wire.agent_message import AgentMessage, decode, encode
from ferryman.wire.payloads import MalformedPayload
from ferryman.wire.tasks import InteractiveShellContent, decode_interactive_shell
from tests.fuzz.target import MIB, Target, text_of
from tests.fuzz.vectors import frames

_LOOP = asyncio.new_event_loop()
_STATE = Path(mkdtemp(prefix="ferryman-fuzz-"))


def _port_task(data: bytes) -> None:
    """A task whose session forwards a port; others fork programs, once their properties were read."""
    content = decode_interactive_shell(data)
    properties = plan_module.members(content.document_content.get("properties"))
    plan_module._port(properties, DEFAULT_SETTINGS)


def _command_task(data: bytes) -> None:
    content = decode_interactive_shell(data)
    properties = plan_module._platform(content)
    plan_module._inputs(content)
    plan_module._truth(properties, "runAsElevated")
    plan_module._prefix(properties, "stdOutSeparatorPrefix")
    plan_module._commands(properties, "NonInteractiveCommands")


def _control(data: bytes) -> None:
    """A frame on the node's control channel; what it would start is not started."""

    async def take() -> None:
        starts: set[asyncio.Task[None]] = set()
        channel = SimpleNamespace(_outbox=_Outbox())
        channel._start = lambda *given: ControlChannel._start(cast(ControlChannel, channel), *given)
        ControlChannel._on_frame(cast(ControlChannel, channel), data, cast(Sessions, _Sessions()), starts)
        await asyncio.gather(*starts)

    _LOOP.run_until_complete(take())


class _Outbox:
    def acknowledged(self, message_id: str) -> str:
        return message_id


class _Sessions:
    async def start(self, content: InteractiveShellContent) -> None:
        """Start nothing."""

    def refuse(self, task_id: str, output: str) -> None:
        output.encode()

    def end(self, session_id: str) -> None:
        session_id.encode()

    def confirm(self, session_id: str) -> None:
        session_id.encode()


def _resize(data: bytes) -> None:
    """A client's terminal size, which the kernel takes as two 16-bit numbers."""

    def resize(columns: int, rows: int) -> None:
        assert 0 < columns < 65_536
        assert 0 < rows < 65_536

    session = SimpleNamespace(_process=SimpleNamespace(resize=resize))
    TerminalSession._resize(cast(TerminalSession, session), data)


def _denied(data: bytes) -> None:
    """Addresses that resolvers return; an address is denied however it is wrapped."""
    address = text_of(data)
    try:
        ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return
    is_denied(address, networks(DEFAULT_SETTINGS.denied_hosts))


def _settings(data: bytes) -> None:
    (_STATE / "agent.toml").write_bytes(data)
    read_settings(_STATE)


def _endpoint(data: bytes) -> None:
    if registration._is_server(text_of(data)):
        information.ping("mi-1")


def _expiry(data: bytes) -> None:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return
    credentials._epoch_seconds(value)


def _task(properties: bytes) -> bytes:
    content = b'{"DocumentContent":{"sessionType":"Port","properties":%s},"SessionId":"s"}' % properties
    return b'{"Content":"%s","TaskId":"s"}' % content.replace(b'"', b'\\"')


_PORT = _task(b'{"portNumber":"22","host":"[::1]","type":"LocalPortForwarding","localPortNumber":0}')
_COMMAND = _task(b'{"linux":{"commands":"ls -l","runAsElevated":"true","stdOutSeparatorPrefix":"o:"}}')


def _frame(message_type: str, payload: bytes) -> bytes:
    message_id = decode(frames()[0]).message_id
    return encode(AgentMessage(message_type, 0, 0, message_id, 1, 0, payload))


_FRAMES = (
    _frame("interactive_shell", _PORT),
    _frame("channel_closed", b'{"SessionId":"s"}'),
    _frame("agent_task_acknowledge", b'{"SchemaVersion":1,"MessageId":"m","TaskId":"s","Topic":"t"}'),
    _frame("interactive_shell", b'{"Content":"","TaskId":"s"}'),
)

TARGETS = (
    Target("agent.control", _control, _FRAMES, (), (), MIB, costly=True),
    Target("agent.resize", _resize, (b'{"cols":80,"rows":24}', b'{"cols":-1,"rows":99999}')),
    Target(
        "agent.task.port",
        _port_task,
        (_PORT,),
        (MalformedPayload, plan_module.SessionRefused),
        (b'\\"portNumber\\":', b'\\"host\\":', b"\xc2\xb2"),
        MIB,
    ),
    Target(
        "agent.task.command",
        _command_task,
        (_COMMAND,),
        (MalformedPayload, plan_module.SessionRefused),
        (b'\\"linux\\":', b'\\"commands\\":'),
        MIB,
    ),
    Target(
        "agent.destinations",
        _denied,
        (b"169.254.169.254", b"::ffff:169.254.169.254", b"fe80::1%eth0", b"64:ff9b::a9fe:a9fe", b"2002:a9fe:a9fe::"),
    ),
    Target(
        "agent.settings",
        _settings,
        (b'denied_hosts = ["169.254.0.0/16"]\nmax_sessions = 10\n[limits]\n',),
        (StateUnusable,),
    ),
    Target("agent.endpoint", _endpoint, (b"https://x.example.org:443", b"http://[::1]")),
    Target(
        "agent.credentials_expiry",
        _expiry,
        (b"1700000000.5", b'"2025-01-01T00:00:00Z"'),
        (KeyError, ValueError, TypeError, OverflowError),
    ),
)
