"""AWS's session types, which documents ask for and a node's handshake starts."""

from enum import StrEnum


class SessionType(StrEnum):
    """The kind of a session, spelled as documents, StreamUrls and handshakes spell it."""

    STANDARD_STREAM = "Standard_Stream"
    """A login shell."""
    INTERACTIVE_COMMANDS = "InteractiveCommands"
    """A command on a terminal."""
    NON_INTERACTIVE_COMMANDS = "NonInteractiveCommands"
    """A command without a terminal, whose streams and exit code are kept apart."""
    PORT = "Port"
    """TCP connections to a port of the node, or of a host it can reach."""


TERMINAL_TYPES: frozenset[str] = frozenset({SessionType.STANDARD_STREAM, SessionType.INTERACTIVE_COMMANDS})
"""The types that have a terminal. AWS's agents may start them without a handshake (`protocol/agent.md` §4.9)."""
LOCAL_PORT_FORWARDING = "LocalPortForwarding"
"""The property `type` of a Port session that listens on the client's machine; without it the session uses stdio."""
