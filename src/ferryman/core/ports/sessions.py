"""The port through which use cases read and write sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import AccessType, Session, SessionQuota, SessionState, SessionStatus, SessionUsage


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Filters of DescribeSessions; None means any. `ended_since` bounds History; `owner` is an ARN."""

    state: SessionState
    ended_since: Millis | None = None
    invoked_after: Millis | None = None
    invoked_before: Millis | None = None
    target: str | None = None
    owner: str | None = None
    owner_name: str | None = None
    status: SessionStatus | None = None
    session_id: str | None = None
    access_type: AccessType | None = None


@dataclass(frozen=True, slots=True)
class SessionPosition:
    """Where a page ended: newest StartDate first, SessionId (ascending) breaking ties."""

    started_at: Millis
    session_id: SessionId


@dataclass(frozen=True, slots=True)
class SessionChanges:
    """Members to set along with a transition; None leaves a member as it is. `token_id` "" clears it."""

    details: str | None = None
    ended_at: Millis | None = None
    deadline_at: Millis | None = None
    token_id: str | None = None


NO_CHANGES = SessionChanges()


class SessionStore(Protocol):
    """Sessions. Every write is durable when it returns."""

    async def add(
        self, session: Session, document_content: str | None = None, quota: SessionQuota | None = None
    ) -> SessionUsage | None:
        """Insert a session, and the document that its node is to run, as JSON; its id must be new.

        Returns None; if the session would exceed `quota`, nothing is inserted, and what is used of it is returned.
        """

    async def document_content(self, session_id: SessionId) -> str | None:
        """Return what the session's node is to run; None once it ended, or for no such session."""

    async def get(self, session_id: SessionId) -> Session | None:
        """Return the session, or None."""

    async def transition(
        self, session_id: SessionId, to: SessionStatus, changes: SessionChanges = NO_CHANGES
    ) -> Session | None:
        """Move to `to` if the status machine allows it from where the session is now, atomically.

        Returns the session after the change; None when there is no such session or the table forbids the step.
        """

    async def issue_token(self, session_id: SessionId, token_id: str, deadline_at: Millis) -> Session | None:
        """Replace the session's client token and deadline if it is still resumable; None otherwise."""

    async def consume_token(self, session_id: SessionId, token_id: str) -> Session | None:
        """Clear a resumable session's token if it is `token_id`; the session for exactly one caller per token."""

    async def disconnect(self, deadlines: Mapping[SessionId, Millis]) -> frozenset[SessionId]:
        """Move those of these sessions that are Connected to Disconnected, with their new deadlines, all at once.

        Returns which were.
        """

    async def set_deadline(self, session_id: SessionId, deadline_at: Millis) -> None:
        """Set when the sweep must next look at an active session."""

    async def move_times(self, by: int) -> int:
        """The clock was set by so many milliseconds: move the start and the deadline of every active session with it.

        A deadline is not moved past `access_ends_at`. Returns how many sessions there are.
        """

    async def due(self, now: Millis, limit: int) -> Sequence[Session]:
        """Active sessions whose deadline has come, earliest first."""

    async def page(self, query: SessionQuery, after: SessionPosition | None, limit: int) -> Sequence[Session]:
        """Up to `limit` sessions that match, from just behind `after`. Cost does not grow with history."""

    async def active_on(self, node_id: NodeId) -> Sequence[Session]:
        """Active sessions of one node."""

    async def active_by(self, access_request_id: str) -> Sequence[Session]:
        """Active sessions that were started by an access request."""

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` ended sessions that ended before; returns how many."""
