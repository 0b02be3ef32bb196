"""What use cases are asked and what they answer: plain values, snake_case, validated against AWS's model beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryman.model.identifiers import SessionId
from ferryman.model.secret import Secret
from ferryman.model.sessions import SessionState


@dataclass(frozen=True, slots=True)
class StartSessionRequest:
    """StartSession. `parameters` maps a name to its values; an absent document means the account's shell."""

    target: str
    document_name: str | None = None
    reason: str | None = None
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """What StartSession and ResumeSession answer. `token_value`: at most 300 characters, empty if all is over."""

    session_id: SessionId
    token_value: Secret
    stream_url: str


@dataclass(frozen=True, slots=True)
class DescribeSessionsRequest:
    """DescribeSessions. `filters` are (key, value) as sent; `max_results` is 1 to 200, None for 50."""

    state: SessionState
    max_results: int | None = None
    next_token: str | None = None
    filters: tuple[tuple[str, str], ...] = ()


class ConnectionStatus(StrEnum):
    """GetConnectionStatus's two answers, in AWS's spelling."""

    CONNECTED = "connected"
    NOT_CONNECTED = "notconnected"
