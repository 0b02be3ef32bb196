"""Every message that a person sees, in one place.

Those of `protocol/client.md` §11 go to standard output, spelled as AWS's client spells them, because programs look for
them. Everything else goes to standard error. Quoted text comes from others: it is made printable and kept on its line.
"""

from ferryman.model.values.text import one_line, printable

INSTALLED = "\nThe Session Manager plugin was installed successfully. Use the AWS CLI to start a session.\n\n"

ESCAPE_HELP = (
    "\nSupported escape sequences, after a newline:\n"
    "  ~.  end the session (TerminateSession)\n"
    "  ~?  this text\n"
    "  ~-  turn escapes off\n"
    "  ~~  send one ~\n"
)
ESCAPES_OFF = "\nEscapes are off.\n"


def starting(session_id: str) -> str:
    """The first line of every session."""
    return f"\nStarting session with SessionId: {printable(session_id)}\n"


def ended(session_id: str, output: str) -> str:
    """The last line: with the cause if the far end gave one as `output`."""
    if output.strip():
        return f"\n\nSessionId: {printable(session_id)} : {one_line(output)}\n\n"
    return f"\n\nExiting session with sessionId: {printable(session_id)}.\n\n"


def unused(seconds: float) -> str:
    """A forwarded port had no connection for this long."""
    return f"The port had no connection for {seconds:g} s."


def customer_message(text: str) -> str:
    """The node's message to the person."""
    return f"{one_line(text)}\n"


def server_notice(text: str) -> str:
    """The server's message to the person, at any time."""
    return f"{one_line(text)}\n"


def timed_out(session_id: str) -> str:
    """ResumeSession returned no token: the session is over."""
    return f"Session: {printable(session_id)} timed out.\n"


def cannot_start(cause: str) -> str:
    """The session could not be opened or continued."""
    return f"Cannot perform start session: {one_line(cause)}\n"


def unknown_operation(argument: str) -> str:
    """One or two unknown arguments."""
    return f"\nUnknown operation {one_line(argument)}. \nUse session-manager-plugin --version to check the version.\n\n"


def connection_lost(limit: float, *, attended: bool) -> str:
    """An outage has lasted a moment; the client tries to reconnect for `limit` seconds. `attended`: somebody types."""
    advice = " What you type is kept; ~. ends the session." if attended else ""
    return f"Connection lost; reconnecting for up to {limit:.0f} s.{advice}\n"


def node_silent(*, attended: bool) -> str:
    """The server answers, but the node does not."""
    advice = " What you type is kept; ~. ends the session." if attended else ""
    return f"The node does not answer: it is frozen, overloaded or cut off.{advice}\n"


def not_terminated(session_id: str, cause: str) -> str:
    """TerminateSession failed: the far end keeps running."""
    return f"Could not terminate session {printable(session_id)}, which ends by its idle timeout: {one_line(cause)}\n"


def listening(name: str, session_id: str) -> str:
    """A local port or socket is open for connections."""
    return f"{printable(name)} opened for sessionId {printable(session_id)}.\n"


def first_connection(session_id: str) -> str:
    """The first connection to a port that accepts many."""
    return f"\nConnection accepted for session [{printable(session_id)}]\n"


def only_connection(session_id: str) -> str:
    """The first connection to a port that accepts one at a time."""
    return f"Connection accepted for session {printable(session_id)}.\n"


def stream_refused(reason: str) -> str:
    """The node closed a connection."""
    return f"\nThe node closed a connection: {one_line(reason)}\n"


WAITING = "Waiting for connections...\n"
CONNECT_TO_PORT_ERROR = "\nConnection to destination port failed, check SSM Agent logs.\n"
INTERRUPTED = "Terminate signal received, exiting.\n"
RECONNECTED = "Connection restored.\n"
NODE_ANSWERS = "The node answers again.\n"
PARENT_GONE = "The program that started this session has ended, and so does the session. nohup would keep it.\n"


def unexpected(fault: str, variable: str) -> str:
    """A bug in the client."""
    return f"Cannot perform start session: unexpected fault {fault}; set {variable}=1 to see where\n"
