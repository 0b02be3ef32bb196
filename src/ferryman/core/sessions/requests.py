"""Requests and results of the actions on sessions: plain values, already validated against AWS's model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ferryman.model.identifiers import SessionId
from ferryman.model.sessions import SessionState
from ferryman.model.values.secret import Secret


@dataclass(frozen=True, slots=True)
class StartSessionRequest:
    """StartSession. `parameters` maps a name to its values; without a document, the account's shell is started."""

    target: str
    document_name: str | None = None
    reason: str | None = None
    parameters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """The result of StartSession and ResumeSession.

    `token_value` has at most 300 characters; it is empty if the session is over.
    """

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
    """The two results of GetConnectionStatus, in AWS's spelling."""

    CONNECTED = "connected"
    NOT_CONNECTED = "notconnected"
