"""Just-in-time access on the way to a shell: ask for it, wait until somebody approves, and use its credentials."""

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from ferryman.cli.output.printing import print_error
from ferryman.client.calls.api import Api, Connection, Refused, connect
from ferryman.client.calls.targets import Target
from ferryman.model.failures import Failure

POLL_SECONDS = 2.0
_KEY = "/aws/accessrequest"
_OPEN = ("PendingApproval", "Approved")


def with_approved_access(api: Api, node: Target, reason: str) -> Api:
    """Return the API called with the credentials of an approved request for `node`; waits for the approval.

    A request of one's own that is pending or approved is used again. This process's environment gets the credentials,
    so that programs it starts use them, too. Raises Failure if the request is not approved, KeyboardInterrupt after
    Ctrl-C, having said how to continue.
    """
    request_id = _open_request(api, node)
    if request_id is None:
        if not reason:
            raise Failure("Access was not requested", "approvers need a reason", "Add --reason 'why'")
        targets = [{"Key": "InstanceIds", "Values": [node.node_id]}]
        request_id = api.call("StartAccessRequest", Reason=reason, Targets=targets)["AccessRequestId"]
        print_error(f"Requested access to {node.name}: {request_id}.")
    else:
        print_error(f"Using your request {request_id} for {node.name}.")
    try:
        credentials = _approved(api, request_id)
    except KeyboardInterrupt:
        print_error("", f"{request_id} stays open. Run the same command again to continue.")
        print_error(f"To withdraw it, run: ferryman access withdraw {request_id}")
        raise
    os.environ |= {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
        **({"AWS_CA_BUNDLE": api.ca_file} if api.ca_file else {}),
    }
    os.environ.pop("AWS_PROFILE", None)
    return connect(Connection(None, api.region, api.endpoint_url))


def _open_request(api: Api, node: Target) -> str | None:
    """Return the caller's newest request for the node that is not over yet, if listing shows one."""
    caller = connect(Connection(api.profile or None, api.region, api.endpoint_url), "sts").call("GetCallerIdentity")
    filters = [
        {"Key": "AccessRequestByRequesterArn", "Values": [caller["Arn"]], "Operator": "Equal"},
        {"Key": "AccessRequestByTargetResourceId", "Values": [node.node_id], "Operator": "Equal"},
        {"Key": "Status", "Values": list(_OPEN), "Operator": "Equal"},
    ]
    try:
        found = api.call("DescribeOpsItems", OpsItemFilters=filters, MaxResults=1)["OpsItemSummaries"]
    except Refused:
        return None
    return str(found[0]["OpsItemId"]) if found else None


def _approved(api: Api, request_id: str) -> Mapping[str, Any]:
    """Wait until the request is approved and return its credentials; print whom it waits for whenever that changes."""
    said = ""
    while True:
        answer = api.call("GetAccessToken", AccessRequestId=request_id)
        if answer.get("Credentials"):
            print_error(f"{request_id} is approved.")
            return dict(answer["Credentials"])
        status = answer["AccessRequestStatus"]
        known = _known(api, request_id)
        if status != "Pending":
            detail = str(known.get("details", ""))
            raise Failure(f"{request_id} is {status}", detail, "Ask the approvers, or request access again")
        waiting = _waiting_for(known)
        if waiting != said:
            print_error(waiting)
            said = waiting
        time.sleep(POLL_SECONDS)


def _waiting_for(known: Mapping[str, Any]) -> str:
    level = next((each for each in known.get("levels", ()) if each["name"] == known.get("waitingFor")), None)
    if level is None:
        return "Waiting for approval. Ctrl-C stops waiting."
    who = ", ".join(level["approvers"])
    return f"Waiting for approval by {who} (level {level['name']}). Ctrl-C stops waiting."


def _known(api: Api, request_id: str) -> dict[str, Any]:
    """Return the request as the server shows it, empty if the caller may not see it."""
    try:
        item = api.call("GetOpsItem", OpsItemId=request_id)["OpsItem"]
        known = json.loads(item["OperationalData"][_KEY]["Value"])
    except (Refused, LookupError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
