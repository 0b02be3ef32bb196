"""Access requests as tests make them."""

from dataclasses import replace
from typing import Any

from ferryman.core.ports.people.access_requests import AccessRequestChanges
from ferryman.model.access_requests import (
    AccessRequest,
    AccessRequestId,
    AccessRequestStatus,
    Approval,
    ApprovalLevel,
    Approver,
    ApproverKind,
    Requester,
)
from ferryman.model.identifiers import Millis, NodeId

ALICE = Requester("AIDA1", "AIDA1", "arn:aws:iam::1:user/alice", "alice")
PENDING = AccessRequest(
    request_id=AccessRequestId("oi-000000000001"),
    execution_id="00000000-0000-4000-8000-000000000001",
    status=AccessRequestStatus.PENDING,
    requester=ALICE,
    reason="because é \U0001f6b6",
    targets=(("InstanceIds", ("mi-1", "mi-2")),),
    nodes=(NodeId("mi-1"), NodeId("mi-2")),
    policy="People",
    duration=3600,
    created_at=Millis(1000),
    deadline_at=Millis(5000),
    levels=(
        ApprovalLevel("one", 2, (Approver(ApproverKind.GROUP, "oncall"),)),
        ApprovalLevel("two", 1, (Approver(ApproverKind.USER, "boss"),)),
    ),
)
NOTHING = AccessRequestChanges()


def another(number: int, **members: Any) -> AccessRequest:
    return replace(
        PENDING,
        request_id=AccessRequestId(f"oi-{number:012x}"),
        execution_id=f"00000000-0000-4000-8000-{number:012x}",
        **members,
    )


def approval(person: str, level: int = 0, at: int = 2000) -> Approval:
    return Approval(level, person, f"arn:{person}", Millis(at), "yes")
