"""An access request and the one table of its status machine.

Rules: only a Pending one is approved or rejected; an Approved one is revoked, and so is a Pending one that its
requester withdraws; both expire; nothing leaves Rejected, Revoked or Expired. The diagram in the docs is drawn from
TRANSITIONS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from ferryman.model.identifiers import Millis, NodeId, hex_digits

AccessRequestId = NewType("AccessRequestId", str)
"""`oi-` and 12 hex digits."""


ID_ENTROPY = 6


class AccessRequestStatus(StrEnum):
    """Status as GetAccessToken shows it."""

    PENDING = "Pending"
    APPROVED = "Approved"
    REJECTED = "Rejected"
    REVOKED = "Revoked"
    EXPIRED = "Expired"


TRANSITIONS: Mapping[AccessRequestStatus, frozenset[AccessRequestStatus]] = {
    AccessRequestStatus.PENDING: frozenset(
        {
            AccessRequestStatus.APPROVED,
            AccessRequestStatus.REJECTED,
            AccessRequestStatus.REVOKED,
            AccessRequestStatus.EXPIRED,
        }
    ),
    AccessRequestStatus.APPROVED: frozenset({AccessRequestStatus.REVOKED, AccessRequestStatus.EXPIRED}),
    AccessRequestStatus.REJECTED: frozenset(),
    AccessRequestStatus.REVOKED: frozenset(),
    AccessRequestStatus.EXPIRED: frozenset(),
}


OVER = frozenset(status for status, following in TRANSITIONS.items() if not following)


def sources(status: AccessRequestStatus) -> frozenset[AccessRequestStatus]:
    """Return the statuses that may become `status`."""
    return frozenset(source for source, following in TRANSITIONS.items() if status in following)


class ApproverKind(StrEnum):
    """The kinds of approvers that an approval policy can name."""

    USER = "user"
    GROUP = "group"
    """Every member of it."""
    ROLE = "role"
    """Every session of it."""
    ARN = "arn"
    """The identity with exactly this ARN: one session of a role."""


@dataclass(frozen=True, slots=True)
class Approver:
    """Who may approve at one level. `name` is a name, an id or an ARN."""

    kind: ApproverKind
    name: str


@dataclass(frozen=True, slots=True)
class ApprovalLevel:
    """One level of approval: how many of these approvers are needed. Levels follow each other in order."""

    name: str
    minimum: int
    approvers: tuple[Approver, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """One approval. `level` counts from 0; each `person_id` counts once."""

    level: int
    person_id: str
    arn: str
    approved_at: Millis
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who made the request. `identity_id` is the user's or role's, `person_id` the person behind it
    (`Caller.person_id`), `name` the user's or role session's."""

    identity_id: str
    person_id: str
    arn: str
    name: str


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A request for access to nodes, and how it was decided.

    `execution_id`, a UUID, is where approvers send their signal. `nodes` are those that the targets matched when it was
    made. `policy` is the document that decides, `levels` those that it required then: empty if it was approved
    automatically. `deadline_at` is when it expires: Pending ones unless decided, Approved ones by the end of their
    window, which lasts `duration` seconds. `details` is the cause of its end or what its last decider said.
    """

    request_id: AccessRequestId
    execution_id: str
    status: AccessRequestStatus
    requester: Requester
    reason: str
    targets: tuple[tuple[str, tuple[str, ...]], ...]
    nodes: tuple[NodeId, ...]
    policy: str
    duration: int
    created_at: Millis
    deadline_at: Millis
    levels: tuple[ApprovalLevel, ...] = ()
    decided_at: Millis | None = None
    decided_by: str | None = None
    ended_at: Millis | None = None
    details: str | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def current_level(self) -> int | None:
        """The first level that lacks approvals, None if none does."""
        for place, level in enumerate(self.levels):
            if sum(each.level == place for each in self.approvals) < level.minimum:
                return place
        return None

    @property
    def waiting_for(self) -> str | None:
        """The name of the level that a Pending request waits for."""
        level = self.current_level if self.status is AccessRequestStatus.PENDING else None
        return None if level is None else self.levels[level].name


def new_access_request_id(entropy: bytes) -> AccessRequestId:
    """Return `oi-<12 hex digits>` from 6 bytes of entropy."""
    return AccessRequestId(f"oi-{hex_digits(entropy, 12)}")
