"""The launch of a session: the checked arguments of session-manager-plugin, or StartSession's answer."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ferryman.client.calls.expected_session import ExpectedSession
from ferryman.model.values.secret import Secret

DEFAULT_RECONNECT_SECONDS = 300.0
"""How long a client tries to restore a lost connection."""


class InvalidStreamUrl(Exception):
    """The StreamUrl is not the address of a data channel; the text says why."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One session to run.

    `region`, `profile` and `endpoint` are for ResumeSession and TerminateSession; an empty one means botocore's
    default. `target` is the StartSession request's, empty from a launcher that passes none. `expected` is the kind that
    the node's session must have, None if that cannot be known.
    """

    session_id: str
    token: Secret
    stream_url: str
    region: str
    profile: str = ""
    target: str = ""
    endpoint: str = ""
    expected: ExpectedSession | None = None


def checked_stream_url(url: str) -> str:
    """Return `url`, the address of a data channel. Raises `InvalidStreamUrl` unless it is a WebSocket's."""
    parts = split_url(url)
    if parts is None or parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InvalidStreamUrl("the StreamUrl must be ws://HOST/… or wss://HOST/…")
    if parts.username is not None or parts.password is not None:
        raise InvalidStreamUrl("the StreamUrl must hold no user name or password")
    return url


def split_url(url: str) -> SplitResult | None:
    """Return the parts of `url`, None if it cannot be parsed."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        return None
    return parts
