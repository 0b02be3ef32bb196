"""`ferryman access request | list | show | token | approve | reject | withdraw | revoke`: just-in-time access."""

import json as json_text
import shlex
from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any, Literal

import typer

from ferryman.cli.options import (
    EndpointOption,
    JsonOption,
    OutputOption,
    ProfileOption,
    QuietOption,
    RegionOption,
    WideOption,
    chosen_output,
)
from ferryman.cli.output.printing import print_document, print_lines
from ferryman.cli.output.tables import Column, instant, print_json, print_listing
from ferryman.cli.program.commands import App
from ferryman.client.calls.answers import Members, unreadable
from ferryman.client.calls.api import Api, Connection, connect
from ferryman.client.calls.targets import find_node
from ferryman.model.failures import Failure

PAGE = 50
"""The most rows on one page of DescribeOpsItems."""
ACCESS_REQUEST = "/aws/accessrequest"
"""OperationalData's key, and the type of these OpsItems."""
_STATUSES = {
    "Pending": "PendingApproval",
    "Approved": "Approved",
    "Rejected": "Rejected",
    "Revoked": "Revoked",
    "Expired": "Closed",
}

app = App(help="Request access to nodes, and approve or reject requests.")

RequestArgument = Annotated[str, typer.Argument(metavar="REQUEST_ID", help="The access request, oi-….")]
CommentOption = Annotated[
    str, typer.Option("--comment", help="A comment to record; the requester sees it.", show_default=False)
]


@app.command("request")
def request(
    targets: Annotated[list[str], typer.Argument(metavar="NODE...", help="Nodes by id, name or tag:KEY=VALUE.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="The reason; approvers read it.", show_default=False)],
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Request access to nodes, and print the request's id and status."""
    api = connect(Connection(profile, region, endpoint_url))
    nodes = [target if target.startswith("mi-") else find_node(api, target).node_id for target in targets]
    made = api.call("StartAccessRequest", Reason=reason, Targets=[{"Key": "InstanceIds", "Values": nodes}])
    answer = api.call("GetAccessToken", AccessRequestId=made["AccessRequestId"])
    print_lines(f"{made['AccessRequestId']} {answer['AccessRequestStatus']}")


@app.command("list")
def list_requests(
    *,
    status: Annotated[
        Literal["Pending", "Approved", "Rejected", "Revoked", "Expired"] | None,
        typer.Option("--status", help="Only requests with this status.", show_default=False),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Only requests for this node, by id.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, newest first.")] = 100,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List access requests, newest first."""
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    filters = []
    if status is not None:
        filters.append({"Key": "Status", "Values": [_STATUSES[status]], "Operator": "Equal"})
    if target is not None:
        filters.append({"Key": "AccessRequestByTargetResourceId", "Values": [target], "Operator": "Equal"})
    api = connect(Connection(profile, region, endpoint_url))
    members = {"OpsItemFilters": filters} if filters else {}
    found = api.pages("DescribeOpsItems", "OpsItemSummaries", MaxResults=min(limit, PAGE), **members)
    rows = list(islice(found, limit))
    print_listing(
        [
            Column("Request"),
            Column("Status", is_state=True),
            Column("Requester"),
            Column("Nodes", rank=2),
            Column("Requested", rank=1),
            Column("Reason", rank=3, is_prose=True),
        ],
        (
            [
                row["OpsItemId"],
                known["accessRequestStatus"],
                row["CreatedBy"].rpartition("/")[2],
                " ".join(known["targets"]),
                instant(row, "CreatedTime"),
                known["reason"],
            ]
            for row in rows
            if (known := _known(row))
        ),
        "No access requests match.",
        how,
        documents=lambda: [{**_known(row), "accessRequestId": row["OpsItemId"]} for row in rows],
    )


@app.command("show")
def show(
    request_id: RequestArgument,
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Show one access request, its levels and who approved, as JSON."""
    api = connect(Connection(profile, region, endpoint_url))
    print_json({"accessRequestId": request_id, **_find(api, request_id)})


@app.command("token")
def token(
    request_id: RequestArgument,
    *,
    export: Annotated[bool, typer.Option("--export", help="Print export commands for a shell instead.")] = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Print an approved request's credentials as JSON for a profile's credential_process."""
    api = connect(Connection(profile, region, endpoint_url))
    answer = api.call("GetAccessToken", AccessRequestId=request_id)
    given = answer.get("Credentials")
    if given is None:
        raise Failure(
            f"{request_id} has no credentials",
            f"it is {answer['AccessRequestStatus']}",
            "Wait until it is approved, or request access again with `ferryman access request`",
        )
    if export:
        # Keys of the environment go before the profile or context that says where the server is.
        variables = {
            "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
            "AWS_SESSION_TOKEN": given["SessionToken"],
            "AWS_REGION": api.region,
            "AWS_DEFAULT_REGION": api.region,
            "AWS_ENDPOINT_URL": api.endpoint_url,
        }
        if api.ca_file and api.endpoint_url.startswith("https:"):
            variables["AWS_CA_BUNDLE"] = api.ca_file
        for name, value in variables.items():
            print_lines(f"export {name}={shlex.quote(value)}")
        return
    process = {
        "Version": 1,
        "AccessKeyId": given["AccessKeyId"],
        "SecretAccessKey": given["SecretAccessKey"],
        "SessionToken": given["SessionToken"],
        "Expiration": given["ExpirationTime"].isoformat(),
    }
    print_document(process)


@app.command("approve")
def approve(
    request_id: RequestArgument,
    *,
    comment: CommentOption = "",
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Approve a pending request at the level it is waiting for."""
    _signal(Connection(profile, region, endpoint_url), request_id, "Approve", comment)


@app.command("reject")
def reject(
    request_id: RequestArgument,
    *,
    comment: CommentOption = "",
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Reject a pending request."""
    _signal(Connection(profile, region, endpoint_url), request_id, "Reject", comment)


@app.command("withdraw")
def withdraw(
    request_id: RequestArgument,
    *,
    comment: CommentOption = "",
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Withdraw a pending request of your own: nobody can approve it from now on."""
    connection = Connection(profile, region, endpoint_url)
    status = _find(connect(connection), request_id)["accessRequestStatus"]
    if status != "Pending":
        next_step = f"End the access with `ferryman access revoke {request_id}`" if status == "Approved" else ""
        raise Failure(f"{request_id} cannot be withdrawn", f"it is {status}", next_step)
    _signal(connection, request_id, "Revoke", comment)


@app.command("revoke")
def revoke(
    request_id: RequestArgument,
    *,
    comment: CommentOption = "",
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Revoke approved access. The sessions it started end, unless the server is configured otherwise."""
    _signal(Connection(profile, region, endpoint_url), request_id, "Revoke", comment)


def _signal(connection: Connection, request_id: str, signal: str, comment: str) -> None:
    api = connect(connection)
    execution_id = _find(api, request_id)["automationExecutionId"]
    payload = {"Payload": {"Comment": [comment]}} if comment else {}
    api.call("SendAutomationSignal", AutomationExecutionId=execution_id, SignalType=signal, **payload)
    known = _find(api, request_id)
    waiting = f"; it is waiting for {known['waitingFor']}" if "waitingFor" in known else ""
    print_lines(f"{request_id} {known['accessRequestStatus']}{waiting}")


def _find(api: Api, request_id: str) -> dict[str, Any]:
    return _known(api.call("GetOpsItem", OpsItemId=request_id)["OpsItem"])


def _known(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpsItem's data on its access request; raises `Failure` if the server wrote it in another form."""
    operation = "GetOpsItem"
    data = item["OperationalData"].get(ACCESS_REQUEST, {})
    try:
        known = json_text.loads(data.get("Value", ""))
    except (ValueError, RecursionError) as error:
        raise unreadable(operation, "its data on the access request is not JSON") from error
    if not isinstance(known, dict):
        raise unreadable(operation, "its data on the access request is not an object")
    return Members(operation, known)
