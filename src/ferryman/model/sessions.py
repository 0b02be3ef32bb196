"""A session and the one table of its status machine.

Rules: nothing leaves Terminated or Failed; a session never returns to Connecting; only a session that nobody joined
fails. The diagram in the docs is drawn from TRANSITIONS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ferryman.model.identifiers import Millis, NodeId, SessionId


class SessionStatus(StrEnum):
    """Status as DescribeSessions shows it."""

    CONNECTING = "Connecting"
    CONNECTED = "Connected"
    DISCONNECTED = "Disconnected"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    FAILED = "Failed"


class SessionState(StrEnum):
    """The State of a DescribeSessions request: sessions that are open, or those that have ended."""

    ACTIVE = "Active"
    HISTORY = "History"


class AccessType(StrEnum):
    """How the caller got access."""

    STANDARD = "Standard"
    JUST_IN_TIME = "JustInTime"


TRANSITIONS: Mapping[SessionStatus, frozenset[SessionStatus]] = {
    SessionStatus.CONNECTING: frozenset(
        {SessionStatus.CONNECTED, SessionStatus.FAILED, SessionStatus.TERMINATING, SessionStatus.TERMINATED}
    ),
    SessionStatus.CONNECTED: frozenset(
        {SessionStatus.DISCONNECTED, SessionStatus.TERMINATING, SessionStatus.TERMINATED}
    ),
    SessionStatus.DISCONNECTED: frozenset(
        {SessionStatus.CONNECTED, SessionStatus.TERMINATING, SessionStatus.TERMINATED}
    ),
    SessionStatus.TERMINATING: frozenset({SessionStatus.TERMINATED}),
    SessionStatus.TERMINATED: frozenset(),
    SessionStatus.FAILED: frozenset(),
}

ENDED = frozenset(status for status, following in TRANSITIONS.items() if not following)
ACTIVE = frozenset(TRANSITIONS) - ENDED
RESUMABLE = frozenset({SessionStatus.CONNECTING, SessionStatus.CONNECTED, SessionStatus.DISCONNECTED})


def sources(status: SessionStatus) -> frozenset[SessionStatus]:
    """Return the statuses that may become `status`."""
    return frozenset(source for source, following in TRANSITIONS.items() if status in following)


@dataclass(frozen=True, slots=True)
class Session:
    """A row of DescribeSessions, and what the server needs to end it in time.

    `idle_timeout` and `max_duration` are minutes. `deadline_at` is when the sweep must next look at the session.
    `token_id` names the one client token that may still be used, if any. `owner` is the caller's ARN, `owner_id` the id
    that ownership is decided by. `document_version` was the default version at the start. If `idles` is false, the idle
    timeout ends the session only while one of its ends is lost. `access_request_id` is the request that gave a
    JustInTime session its access; `access_ends_at` is when the end of that access ends the session, None if the
    server's settings let it continue. The output URLs are links to its log, once there is one. `trace_parent` is the
    span that started it, if that was traced (`core.ports.tracing`).
    """

    session_id: SessionId
    target: NodeId
    status: SessionStatus
    started_at: Millis
    document_name: str
    owner: str
    owner_id: str
    owner_name: str
    deadline_at: Millis
    idle_timeout: int
    ended_at: Millis | None = None
    reason: str | None = None
    details: str | None = None
    max_duration: int | None = None
    access_type: AccessType = AccessType.STANDARD
    token_id: str | None = None
    document_version: int | None = None
    idles: bool = True
    access_request_id: str | None = None
    access_ends_at: Millis | None = None
    s3_output_url: str | None = None
    cloud_watch_output_url: str | None = None
    trace_parent: str | None = None

    @property
    def state(self) -> SessionState:
        """Active, or History once ended."""
        return SessionState.HISTORY if self.status in ENDED else SessionState.ACTIVE


@dataclass(frozen=True, slots=True)
class SessionUsage:
    """The use of a person's quota by their active sessions: `waiting` are Connecting, with `waiting_bytes` of documents
    to run; `on_node` are on one node."""

    waiting: int
    waiting_bytes: int
    on_node: int


@dataclass(frozen=True, slots=True)
class SessionQuota:
    """The limits of a person's active sessions. `person_id` is `Caller.person_id`: roles do not change it."""

    person_id: str
    most: SessionUsage
