"""The port through which use cases read and write access requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus, Approval
from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class AccessRequestQuery:
    """Filters of access requests; None means any, and any of `statuses` matches."""

    statuses: frozenset[AccessRequestStatus] | None = None
    request_id: str | None = None
    requester_arn: str | None = None
    requester_id: str | None = None
    node_id: str | None = None
    created_after: Millis | None = None
    created_before: Millis | None = None


@dataclass(frozen=True, slots=True)
class AccessRequestPosition:
    """Where a page ended: newest first, the id breaking ties."""

    created_at: Millis
    request_id: AccessRequestId


@dataclass(frozen=True, slots=True)
class AccessRequestChanges:
    """Members to set along with a transition; None leaves a member as it is."""

    deadline_at: Millis | None = None
    decided_at: Millis | None = None
    decided_by: str | None = None
    ended_at: Millis | None = None
    details: str | None = None


class AccessRequestStore(Protocol):
    """Access requests and their approvals. Every write is durable when it returns."""

    async def add(self, request: AccessRequest, most_pending: int) -> bool:
        """Insert a request; False if it is Pending and its requester already has `most_pending` such requests."""

    async def get(self, request_id: str) -> AccessRequest | None:
        """Return the request, or None."""

    async def by_execution(self, execution_id: str) -> AccessRequest | None:
        """Return the request with this execution id, which approvers signal, or None."""

    async def approve(self, request_id: AccessRequestId, approval: Approval) -> AccessRequest | None:
        """Add an approval to a Pending request before its deadline, once per person, atomically.

        Returns the request with all its approvals, None if it no longer accepts any or already has this person's.
        """

    async def transition(
        self, request_id: AccessRequestId, to: AccessRequestStatus, changes: AccessRequestChanges, now: Millis
    ) -> AccessRequest | None:
        """Change the status to `to` if the table allows it from the current one, atomically.

        To Expired only after its deadline, to anything else only before. Returns the request after the change, None if
        there is no such request or the step is not allowed.
        """

    async def due(self, now: Millis, limit: int) -> Sequence[AccessRequest]:
        """Requests that are due to expire, earliest first."""

    async def page(
        self, query: AccessRequestQuery, after: AccessRequestPosition | None, limit: int
    ) -> Sequence[AccessRequest]:
        """Return up to `limit` matching requests behind `after`, newest first."""

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` requests that ended before; returns how many."""
