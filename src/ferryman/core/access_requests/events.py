"""Audit events and notifications about access requests."""

from ferryman.core.audit.records import event, moment
from ferryman.core.audit.redaction import text
from ferryman.core.changes import Kind
from ferryman.core.service import Service
from ferryman.model.access_requests import AccessRequest

ACCESS_REQUEST_CHANGE = "Access Request State-change Notification"


def access_request_changed(service: Service, request: AccessRequest) -> None:
    """Record a request's new status, with its requester, targets and decisions, and notify subscribers."""
    detail = {
        "accessRequestId": request.request_id,
        "automationExecutionId": request.execution_id,
        "status": request.status.value,
        "requesterArn": request.requester.arn,
        "reason": text(request.reason),
        "targets": list(request.nodes),
        "policy": request.policy,
        "createdDate": moment(request.created_at),
        "expirationDate": moment(request.deadline_at),
        "approvals": [
            {"level": request.levels[each.level].name, "approverArn": each.arn, "date": moment(each.approved_at)}
            for each in request.approvals
        ],
        "waitingFor": request.waiting_for,
        "decidedBy": request.decided_by,
        "details": None if request.details is None else text(request.details),
    }
    resources = [
        service.arns.access_request(request.request_id),
        *(service.arns.node(node) for node in request.nodes),
    ]
    entry = event(service, ACCESS_REQUEST_CHANGE, resources, detail)
    service.trail.note(entry)
    service.notices.put(entry)
    service.changes.note(Kind.ACCESS_REQUESTS)
