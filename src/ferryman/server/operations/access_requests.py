"""Just-in-time access: access requests, approvals, and the OpsItems that show them."""

import json

from ferryman.core.access_requests import actions as access_requests
from ferryman.core.access_requests import approvals as access_approvals
from ferryman.core.access_requests import listing as access_listing
from ferryman.core.audit.records import moment as audit_timestamp
from ferryman.model.access_requests import AccessRequest
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.parameters import filters, requested_tags
from ferryman.server.operations.results import as_datetime, credentials_result

_STATUSES = {status: shown for shown, status in access_listing.OPS_ITEM_STATUSES.items()}
_SOURCE = "Systems Manager"


async def start_access_request(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """StartAccessRequest."""
    request = access_requests.StartAccessRequest(
        reason=parameters["Reason"],
        targets=filters(parameters, "Targets"),
        tags=requested_tags(parameters, "ValidationException"),
    )
    made = await access_requests.start_access_request(context.service, caller, request)
    return {"AccessRequestId": made.request_id}


async def get_access_token(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetAccessToken."""
    found, temporary = await access_requests.get_access_token(context.service, caller, parameters["AccessRequestId"])
    result: dict[str, object] = {"AccessRequestStatus": found.status.value}
    if temporary is not None:
        result["Credentials"] = credentials_result(temporary.credentials, temporary.expires_at, "ExpirationTime")
    return result


async def send_automation_signal(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """SendAutomationSignal."""
    comments = (parameters.get("Payload") or {}).get("Comment") or ()
    sent = access_approvals.SendSignal(
        parameters["AutomationExecutionId"], parameters["SignalType"], comments[0] if comments else ""
    )
    await access_approvals.send_automation_signal(context.service, caller, sent)
    return {}


async def get_ops_item(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """GetOpsItem."""
    found, tags = await access_listing.get_ops_item(context.service, caller, parameters["OpsItemId"])
    arn = context.service.arns.access_request(found.request_id)
    last = found.decided_by or found.requester.arn
    item = {
        **_summary(found),
        "Description": found.reason,
        "LastModifiedBy": last,
        "OpsItemArn": arn,
        "Version": "1",
        "Notifications": [],
        "RelatedOpsItems": [],
        "OperationalData": _data(found, tags),
    }
    return {"OpsItem": item}


async def describe_ops_items(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    """DescribeOpsItems."""
    filters = [
        (each["Key"], each["Operator"], tuple(each["Values"])) for each in parameters.get("OpsItemFilters") or ()
    ]
    page = await access_listing.describe_ops_items(
        context.service, caller, filters, parameters.get("MaxResults"), parameters.get("NextToken")
    )
    rows = [{**_summary(each), "OperationalData": _data(each, {})} for each in page.items]
    return {"OpsItemSummaries": rows, "NextToken": page.next_token}


def _summary(request: AccessRequest) -> Result:
    return {
        "OpsItemId": request.request_id,
        "OpsItemType": access_listing.OPS_ITEM_TYPE,
        "Source": _SOURCE,
        "Title": f"Access request for {', '.join(request.nodes)}"[:1024],
        "Status": _STATUSES[request.status],
        "CreatedBy": request.requester.arn,
        "CreatedTime": as_datetime(request.created_at),
        "LastModifiedTime": as_datetime(request.ended_at or request.decided_at or request.created_at),
    }


def _data(request: AccessRequest, tags: Parameters) -> Result:
    """Return what an approver needs to know, as JSON under the key where AWS's clients look for the execution's id."""
    known = {
        "accessRequestStatus": request.status.value,
        "automationExecutionId": request.execution_id,
        "requesterArn": request.requester.arn,
        "requesterId": request.requester.identity_id,
        "reason": request.reason,
        "targets": list(request.nodes),
        "approvalPolicy": request.policy,
        "accessDuration": request.duration,
        "expirationTime": audit_timestamp(request.deadline_at),
        "waitingFor": request.waiting_for,
        "levels": [
            {
                "name": each.name,
                "minRequiredApprovals": each.minimum,
                "approvers": [approver.name for approver in each.approvers],
            }
            for each in request.levels
        ],
        "approvals": [
            {
                "level": request.levels[each.level].name,
                "approverArn": each.arn,
                "time": audit_timestamp(each.approved_at),
                "comment": each.comment,
            }
            for each in request.approvals
        ],
        "decidedBy": request.decided_by,
        "details": request.details,
        "tags": dict(tags),
    }
    value = json.dumps({name: each for name, each in known.items() if each not in (None, [], {})})
    return {access_listing.OPS_ITEM_TYPE: {"Type": "SearchableString", "Value": value}}


OPERATIONS: Operations = {
    ("ssm", "StartAccessRequest"): start_access_request,
    ("ssm", "GetAccessToken"): get_access_token,
    ("ssm", "SendAutomationSignal"): send_automation_signal,
    ("ssm", "GetOpsItem"): get_ops_item,
    ("ssm", "DescribeOpsItems"): describe_ops_items,
}
