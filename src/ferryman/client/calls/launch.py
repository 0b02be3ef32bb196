"""What a session is started with: the arguments of session-manager-plugin, checked."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ferryman.client.plugin import texts
from ferryman.client.session.expected_session import ExpectedSession
from ferryman.model.secret import Secret


class InvalidArguments(Exception):
    """What the command was started with makes no sense; the text says what, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One session to run.

    `region`, `profile` and `endpoint` are for ResumeSession and TerminateSession; an empty one means botocore's own
    choice. `target` is the StartSession request's, empty from a launcher that passes none. `expected` is what the
    node's session must be, None if that cannot be known.
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
    """Return `url`, the address of a data channel. Raises `InvalidArguments` unless it is a WebSocket's."""
    parts = _split(url)
    if parts is None or parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InvalidArguments(texts.cannot_start("the StreamUrl must be ws://HOST/… or wss://HOST/…"))
    if parts.username is not None or parts.password is not None:
        raise InvalidArguments(texts.cannot_start("the StreamUrl must hold no user name or password"))
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    return parts
