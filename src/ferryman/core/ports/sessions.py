"""The port through which use cases read and write sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.sessions import AccessType, Session, SessionQuota, SessionState, SessionStatus, SessionUsage


@dataclass(frozen=True, slots=True)
class SessionQuery:
    """Filters of DescribeSessions; None means any. `ended_since` limits History; `owner` is an ARN."""

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
        """Insert a session, and the document for its node, as JSON; its id must be new.

        Returns None. If the session would exceed `quota`, inserts nothing and returns the current use.
        """

    async def person_of(self, session_id: SessionId) -> str | None:
        """Return who has a session, as `Caller.person_id`; None if that is not known."""

    async def document_content(self, session_id: SessionId) -> str | None:
        """Return the document for the session's node; None if the session has ended or does not exist."""

    async def get(self, session_id: SessionId) -> Session | None:
        """Return the session, or None."""

    async def transition(
        self, session_id: SessionId, to: SessionStatus, changes: SessionChanges = NO_CHANGES
    ) -> Session | None:
        """Change the status to `to` if the status machine allows it from the current one, atomically.

        Returns the session after the change; None if there is no such session or the table forbids the step.
        """

    async def issue_token(self, session_id: SessionId, token_id: str, deadline_at: Millis) -> Session | None:
        """Replace the session's client token and deadline if it is still resumable; None otherwise."""

    async def consume_token(self, session_id: SessionId, token_id: str) -> Session | None:
        """Clear a resumable session's token if it is `token_id`.

        Returns the session to exactly one caller per token, None to others.
        """

    async def disconnect(self, deadlines: Mapping[SessionId, Millis]) -> frozenset[SessionId]:
        """Set those of these sessions that are Connected Disconnected, with their new deadlines, in one transaction.

        Returns those that it changed.
        """

    async def set_deadline(self, session_id: SessionId, deadline_at: Millis) -> None:
        """Set when the sweep must next check an active session."""

    async def set_output_url(
        self, session_id: SessionId, *, s3: str | None = None, cloud_watch: str | None = None
    ) -> None:
        """Set where a session's log can be found; None leaves a link as it is."""

    async def move_times(self, by: int) -> int:
        """Move the start and the deadline of every active session `by` this many milliseconds, because the clock was
        set.

        No deadline moves past `access_ends_at`. Returns how many sessions there are.
        """

    async def due(self, now: Millis, limit: int) -> Sequence[Session]:
        """Return active sessions whose deadline has passed, earliest first."""

    async def page(self, query: SessionQuery, after: SessionPosition | None, limit: int) -> Sequence[Session]:
        """Return up to `limit` matching sessions behind `after`. The cost does not grow with history."""

    async def active_on(self, node_id: NodeId) -> Sequence[Session]:
        """Return the active sessions of one node."""

    async def active_by(self, access_request_id: str) -> Sequence[Session]:
        """Return the active sessions that were started with an access request."""

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` ended sessions that ended before; returns how many."""
