"""Which kind of session has started: by its type, its document's properties and the agent's version."""

from ferryman.plugin.agent_features import multiplexes
from ferryman.plugin.basic_port import BasicPort
from ferryman.plugin.command import SESSION_TYPE as COMMAND_TYPE
from ferryman.plugin.command import Command
from ferryman.plugin.expected_session import LOCAL_FORWARDING, PORT, ExpectedSession
from ferryman.plugin.kind import CannotRun, Kind, Surroundings
from ferryman.plugin.multiplexed_port import MultiplexedPort
from ferryman.plugin.shell import SESSION_TYPES as SHELL_TYPES
from ferryman.plugin.shell import Shell
from ferryman.plugin.stdio import StdioPort


def begin(around: Surroundings, expected: ExpectedSession | None) -> Kind:
    """Return the running session (`protocol/client.md` §10). Raises `CannotRun`, also if it is not the one expected."""
    if expected is not None and (objection := expected.objection(around.started)):
        raise CannotRun(objection)
    session_type = around.started.session_type
    if session_type in SHELL_TYPES:
        return Shell(around)
    if session_type == COMMAND_TYPE:
        return Command(around)
    if session_type != PORT:
        raise CannotRun(f"this client cannot handle sessions of type {session_type}")
    if (around.started.properties or {}).get("type") != LOCAL_FORWARDING:
        return StdioPort(around)
    if multiplexes(around.started.agent_version):
        return MultiplexedPort(around)
    return BasicPort(around)
