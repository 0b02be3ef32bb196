"""What just-in-time access needs from the store; `core.ports` has the rest, and the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ferryman.model.access_requests import AccessRequest, AccessRequestId, AccessRequestStatus, Approval
from ferryman.model.identifiers import Millis


@dataclass(frozen=True, slots=True)
class AccessRequestQuery:
    """Filters of access requests; None means any, of `statuses` any one will do."""

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
        """Insert a request; False if it is Pending and its requester has `most_pending` such already."""

    async def get(self, request_id: str) -> AccessRequest | None:
        """Return the request, or None."""

    async def by_execution(self, execution_id: str) -> AccessRequest | None:
        """Return the request that approvers signal by this id, or None."""

    async def approve(self, request_id: AccessRequestId, approval: Approval) -> AccessRequest | None:
        """Add an approval to a Pending request before its deadline, once for each person, atomically.

        Returns the request with all its approvals, None if it takes none any more or has this person's.
        """

    async def transition(
        self, request_id: AccessRequestId, to: AccessRequestStatus, changes: AccessRequestChanges, now: Millis
    ) -> AccessRequest | None:
        """Move to `to` if the table allows it from where the request is now, atomically.

        To Expired only once its deadline has come, to anything else only before. Returns the request after the change,
        None when there is no such request or the step is not allowed.
        """

    async def due(self, now: Millis, limit: int) -> Sequence[AccessRequest]:
        """Requests that are to expire, earliest first."""

    async def page(
        self, query: AccessRequestQuery, after: AccessRequestPosition | None, limit: int
    ) -> Sequence[AccessRequest]:
        """Up to `limit` requests that match, newest first, from just behind `after`."""

    async def prune(self, ended_before: Millis, limit: int) -> int:
        """Delete up to `limit` requests that ended before; returns how many."""
