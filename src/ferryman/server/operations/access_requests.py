"""The operations of just-in-time access, between AWS's spelling and ours; the table is in `server.operations`."""

import json

from ferryman.core.access_requests import actions as access_requests
from ferryman.core.access_requests import approvals as access_approvals
from ferryman.core.access_requests import listing as access_listing
from ferryman.core.audit.records import moment as written
from ferryman.model.access_requests import AccessRequest
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import Operations, Parameters, Result, Surroundings, moment, tags_given

_STATUSES = {status: shown for shown, status in access_listing.OPS_ITEM_STATUSES.items()}
_SOURCE = "Systems Manager"


async def start_access_request(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """StartAccessRequest."""
    request = access_requests.StartAccessRequest(
        reason=given["Reason"],
        targets=tuple((each.get("Key") or "", tuple(each.get("Values") or ())) for each in given["Targets"]),
        tags=tags_given(given, "ValidationException"),
    )
    made = await access_requests.start_access_request(here.service, caller, request)
    return {"AccessRequestId": made.request_id}


async def get_access_token(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """GetAccessToken."""
    found, temporary = await access_requests.get_access_token(here.service, caller, given["AccessRequestId"])
    result: dict[str, object] = {"AccessRequestStatus": found.status.value}
    if temporary is not None:
        credentials = temporary.credentials
        token = credentials.session_token
        result["Credentials"] = {
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key.reveal(),
            "SessionToken": "" if token is None else token.reveal(),
            "ExpirationTime": moment(temporary.expires_at),
        }
    return result


async def send_automation_signal(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """SendAutomationSignal."""
    comments = (given.get("Payload") or {}).get("Comment") or ()
    sent = access_approvals.SendSignal(
        given["AutomationExecutionId"], given["SignalType"], comments[0] if comments else ""
    )
    await access_approvals.send_automation_signal(here.service, caller, sent)
    return {}


async def get_ops_item(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """GetOpsItem."""
    found, tags = await access_listing.get_ops_item(here.service, caller, given["OpsItemId"])
    arn = here.service.arns.access_request(found.request_id)
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


async def describe_ops_items(here: Surroundings, caller: Caller, given: Parameters) -> Result:
    """DescribeOpsItems."""
    filters = [(each["Key"], each["Operator"], tuple(each["Values"])) for each in given.get("OpsItemFilters") or ()]
    page = await access_listing.describe_ops_items(
        here.service, caller, filters, given.get("MaxResults"), given.get("NextToken")
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
        "CreatedTime": moment(request.created_at),
        "LastModifiedTime": moment(request.ended_at or request.decided_at or request.created_at),
    }


def _data(request: AccessRequest, tags: Parameters) -> Result:
    """What an approver needs to know, as JSON under the key at which AWS's clients look for the execution's id."""
    known = {
        "accessRequestStatus": request.status.value,
        "automationExecutionId": request.execution_id,
        "requesterArn": request.requester.arn,
        "requesterId": request.requester.identity_id,
        "reason": request.reason,
        "targets": list(request.nodes),
        "approvalPolicy": request.policy,
        "accessDuration": request.duration,
        "expirationTime": written(request.deadline_at),
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
                "time": written(each.approved_at),
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
