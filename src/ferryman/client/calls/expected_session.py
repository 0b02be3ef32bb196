"""The kind of session that was requested, which the node's handshake must match.

AWS's client runs whatever the handshake says: a node that answers Port to a client that asked for a shell makes it open
a port, or create a socket file at a path of the node's choice. The requested kind is known from the StreamUrl, in which
Ferryman's server describes the document it resolved, or else from the request's document, if that is one of AWS's. For
an account's own document on AWS's server, only the handshake tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from ferryman.model.session_types import LOCAL_PORT_FORWARDING, TERMINAL_TYPES, SessionType
from ferryman.model.stream_urls import SESSION_TYPE

if TYPE_CHECKING:  # the plugin imports little before it connects
    from ferryman.channel.events import SessionStarted

_SHELL_DOCUMENTS = frozenset({"", "SSM-SessionManagerRunShell", "AWS-StartInteractiveCommand"})
_COMMAND_DOCUMENT = "AWS-StartNonInteractiveCommand"
_FORWARDING_DOCUMENTS = frozenset({"AWS-StartPortForwardingSession", "AWS-StartPortForwardingSessionToRemoteHost"})
_SOCKET_DOCUMENT = "AWS-StartPortForwardingSessionToSocket"
_SSH_DOCUMENT = "AWS-StartSSHSession"


@dataclass(frozen=True, slots=True)
class ExpectedSession:
    """The session types that are acceptable, and for a Port session what it opens on this machine, in words."""

    session_types: frozenset[str]
    opens: str = ""

    def objection(self, started: "SessionStarted") -> str:
        """Return why the session that a node started is not the requested one, for people; "" if it is."""
        if started.session_type not in self.session_types:
            wanted = " or ".join(sorted(self.session_types))
            return f"the node began a session of type {started.session_type}, not {wanted} as asked for"
        if started.session_type == SessionType.PORT and (opens := opened_by(started.properties or {})) != self.opens:
            return f"the node would have this client open {opens}, not {self.opens} as asked for"
        return ""


def opened_by(properties: Mapping[str, Any]) -> str:
    """Return what a Port session with these properties opens on this machine, in words."""
    if properties.get("type") != LOCAL_PORT_FORWARDING:
        return "nothing but its standard streams"
    if properties.get("localConnectionType") == "unix":
        return f"the socket {str(properties.get('localUnixSocket') or '')!r}"
    return f"the port {str(properties.get('localPortNumber') or '0')!r}"


def expected_session(stream_url: str, request: Mapping[str, Any] | None) -> ExpectedSession | None:
    """Return the session that StartSession requested, None if that cannot be known.

    `request` is the StartSession request, None from a launcher that passes none.
    """
    told = dict(parse_qsl(urlsplit(stream_url).query, keep_blank_values=True))
    session_type = told.get(SESSION_TYPE)
    if session_type:
        types = TERMINAL_TYPES if session_type in TERMINAL_TYPES else frozenset({session_type})
        return ExpectedSession(types, opened_by(told) if session_type == SessionType.PORT else "")
    return None if request is None else _of_request(request)


def _of_request(request: Mapping[str, Any]) -> ExpectedSession | None:
    document = str(request.get("DocumentName") or "").rpartition("/")[2]
    if document in _SHELL_DOCUMENTS:
        return ExpectedSession(TERMINAL_TYPES)
    if document == _COMMAND_DOCUMENT:
        return ExpectedSession(frozenset({SessionType.NON_INTERACTIVE_COMMANDS}))
    given = request.get("Parameters")
    parameters = {name: _first(value) for name, value in given.items()} if isinstance(given, Mapping) else {}
    if document in _FORWARDING_DOCUMENTS:
        properties = {"type": LOCAL_PORT_FORWARDING, "localPortNumber": parameters.get("localPortNumber")}
    elif document == _SOCKET_DOCUMENT:
        socket = parameters.get("localUnixSocket")
        properties = {"type": LOCAL_PORT_FORWARDING, "localConnectionType": "unix", "localUnixSocket": socket}
    elif document == _SSH_DOCUMENT:
        properties = {}
    else:
        return None
    return ExpectedSession(frozenset({SessionType.PORT}), opened_by(properties))


def _first(values: object) -> object:
    return values[0] if isinstance(values, list) and values else values
