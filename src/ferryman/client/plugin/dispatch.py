"""Chooses the handler of a session by its type, its document's properties and the agent's version."""

from ferryman.channel.peer_versions import agent_multiplexes
from ferryman.client.calls.expected_session import ExpectedSession
from ferryman.client.plugin.command import Command
from ferryman.client.plugin.ports.basic import BasicPort
from ferryman.client.plugin.ports.multiplexed import MultiplexedPort
from ferryman.client.plugin.session_handler import CannotRun, SessionContext, SessionHandler
from ferryman.client.plugin.shell import Shell
from ferryman.client.plugin.stdio import StdioPort
from ferryman.model.session_types import LOCAL_PORT_FORWARDING, TERMINAL_TYPES, SessionType


def make_handler(context: SessionContext, expected: ExpectedSession | None) -> SessionHandler:
    """Return the handler (`protocol/client.md` §10). Raises `CannotRun`, also for an unexpected session."""
    if expected is not None and (objection := expected.objection(context.started)):
        raise CannotRun(objection)
    session_type = context.started.session_type
    if session_type in TERMINAL_TYPES:
        return Shell(context)
    if session_type == SessionType.NON_INTERACTIVE_COMMANDS:
        return Command(context)
    if session_type != SessionType.PORT:
        raise CannotRun(f"this client cannot handle sessions of type {session_type}")
    if (context.started.properties or {}).get("type") != LOCAL_PORT_FORWARDING:
        return StdioPort(context)
    if agent_multiplexes(context.started.agent_version):
        return MultiplexedPort(context)
    return BasicPort(context)
