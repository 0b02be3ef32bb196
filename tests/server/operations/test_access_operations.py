"""The operations of just-in-time access as AWS's clients see them."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.server.running import REGION, Server

AUTO = "SSM-JustInTimeAccessAutoApprovalPolicy"
CEDAR = 'permit(principal, action, resource) when { resource.hasTag("Environment") };'
MANUAL = {
    "schemaVersion": "0.3",
    "accessDuration": 3600,
    "mainSteps": [{"name": "Lead", "action": "aws:approve", "inputs": {"Approvers": ["root"]}}],
}


async def create(server: Server, name: str, kind: str, content: str, **members: Any) -> dict[str, Any]:
    return await server.call("create_document", Name=name, DocumentType=kind, Content=content, **members)


async def refused(server: Server, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        await server.call(operation, **parameters)
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


async def test_cedar_policy_is_accepted_as_a_document(server: Server) -> None:
    made = (await create(server, AUTO, "AutoApprovalPolicy", CEDAR))["DocumentDescription"]
    assert (made["DocumentType"], made["DocumentFormat"], made["SchemaVersion"]) == (
        "AutoApprovalPolicy",
        "TEXT",
        "0.3",
    )
    as_text = await server.call("get_document", Name=AUTO, DocumentFormat="TEXT")
    assert as_text["Content"] == CEDAR
    wrapped = json.loads((await server.call("get_document", Name=AUTO))["Content"])
    assert wrapped["AutoApprovalPolicyDocuments"] == [{"type": "Cedar", "content": CEDAR}]
    changed = CEDAR.replace("Environment", "Stage")
    updated = await server.call("update_document", Name=AUTO, Content=changed, DocumentVersion="$LATEST")
    assert updated["DocumentDescription"]["DocumentVersion"] == "2"
    filters = [{"Key": "DocumentType", "Values": ["AutoApprovalPolicy"]}]
    (listed,) = (await server.call("list_documents", Filters=filters))["DocumentIdentifiers"]
    assert (listed["Name"], listed["DocumentType"]) == (AUTO, "AutoApprovalPolicy")
    code, message = await refused(server, "start_session", Target="mi-0123456789abcdef0", DocumentName=AUTO)
    assert (code, message) == ("InvalidDocument", f"The document {AUTO} is of type AutoApprovalPolicy, not Session.")


@pytest.mark.parametrize(
    ("name", "kind", "content", "part"),
    [
        (
            AUTO,
            "AutoApprovalPolicy",
            CEDAR + "\n\npermit(principal, action)",
            "content: is not a valid policy: line 3: ",
        ),
        ("Other", "AutoApprovalPolicy", CEDAR, f"must be called {AUTO} or SSM-JustInTimeAccessDenyAccessOrgPolicy"),
        (
            "SSM-JustInTimeAccessDenyAccessOrgPolicy",
            "AutoApprovalPolicy",
            CEDAR,
            "AutoApprovalPolicyDocuments[0].content: permits",
        ),
        ("People", "ManualApprovalPolicy", json.dumps(MANUAL | {"mainSteps": [{}]}), "mainSteps[0].name: must be"),
        ("People", "ManualApprovalPolicy", CEDAR, "is not valid JSON"),
    ],
)
async def test_malformed_policy_is_refused_with_its_position(
    server: Server, name: str, kind: str, content: str, part: str
) -> None:
    code, message = await refused(server, "create_document", Name=name, DocumentType=kind, Content=content)
    assert code == "InvalidDocumentContent"
    assert part in message


async def test_requests_are_found_and_decided_as_ops_items(server: Server) -> None:
    node = await server.register()
    await create(server, "People", "ManualApprovalPolicy", json.dumps(MANUAL))
    await create_user(server.service, "carol", BuiltinRole.ADMINISTRATOR)
    hers = server.client("ssm", await create_access_key(server.service, "carol"))
    target = [{"Key": "InstanceIds", "Values": [node.node_id]}]
    tags = [{"Key": "Ticket", "Value": "4711"}]
    ids = []
    for number in range(3):
        made = await asyncio.to_thread(hers.start_access_request, Reason=f"why {number}", Targets=target, Tags=tags)
        ids.append(made["AccessRequestId"])
        server.clock.advance(1)

    item = (await server.call("get_ops_item", OpsItemId=ids[0]))["OpsItem"]
    known = json.loads(item["OperationalData"]["/aws/accessrequest"]["Value"])
    assert (item["Status"], item["OpsItemType"], item["Description"]) == (
        "PendingApproval",
        "/aws/accessrequest",
        "why 0",
    )
    assert (known["targets"], known["waitingFor"], known["tags"]) == ([node.node_id], "Lead", {"Ticket": "4711"})
    assert known["levels"] == [{"name": "Lead", "minRequiredApprovals": 1, "approvers": ["root"]}]
    signalled = {"AutomationExecutionId": known["automationExecutionId"], "SignalType": "Approve"}
    await server.call("send_automation_signal", **signalled, Payload={"Comment": ["go"]})
    token = await asyncio.to_thread(hers.get_access_token, AccessRequestId=ids[0])
    assert token["AccessRequestStatus"] == "Approved"
    assert token["Credentials"]["SessionToken"]
    item = (await server.call("get_ops_item", OpsItemId=ids[0]))["OpsItem"]
    assert (item["Status"], item["LastModifiedBy"].rpartition("/")[2]) == ("Approved", "root")

    async def listed(*filters: tuple[str, str, str], **members: Any) -> tuple[list[str], str | None]:
        given = [{"Key": key, "Operator": operator, "Values": [value]} for key, operator, value in filters]
        page = await server.call("describe_ops_items", OpsItemFilters=given, **members)
        return [row["OpsItemId"] for row in page["OpsItemSummaries"]], page.get("NextToken")

    assert (await listed())[0] == ids[::-1]
    assert (await listed(("Status", "Equal", "PendingApproval")))[0] == ids[:0:-1]
    assert (await listed(("AccessRequestByTargetResourceId", "Equal", node.node_id)))[0] == ids[::-1]
    assert (await listed(("AccessRequestByRequesterArn", "Equal", item["CreatedBy"])))[0] == ids[::-1]
    assert (await listed(("OpsItemType", "Equal", "/aws/issue")))[0] == []
    after = item["CreatedTime"].isoformat()
    assert (await listed(("CreatedTime", "GreaterThan", after)))[0] == ids[:0:-1]
    first, next_token = await listed(MaxResults=2)
    assert (first, next_token is not None) == (ids[:0:-1], True)
    assert await listed(MaxResults=2, NextToken=next_token) == (ids[:1], None)
    for wrong in (("Title", "Equal", "x"), ("Status", "Contains", "x"), ("CreatedTime", "LessThan", "soon")):
        key, operator, value = wrong
        given = [{"Key": key, "Operator": operator, "Values": [value]}]
        assert (await refused(server, "describe_ops_items", OpsItemFilters=given))[0] == "ValidationException"
    assert (await refused(server, "get_ops_item", OpsItemId="oi-000000000000"))[0] == "OpsItemNotFoundException"


async def test_the_commands_of_both_sides(server: Server) -> None:
    node = await server.register()
    await create(server, "People", "ManualApprovalPolicy", json.dumps(MANUAL))
    await create_user(server.service, "carol", BuiltinRole.ADMINISTRATOR)
    carol = await create_access_key(server.service, "carol")
    at = {"AWS_ENDPOINT_URL": server.url, "AWS_DEFAULT_REGION": REGION}

    async def ferryman(who: Credentials, *arguments: str) -> str:
        keys = {"AWS_ACCESS_KEY_ID": who.access_key_id, "AWS_SECRET_ACCESS_KEY": who.secret_access_key.reveal()}
        with capture_logs():  # the server's, which would be printed among what the command says
            done = await asyncio.to_thread(CliRunner().invoke, app, ["access", *arguments], env=keys | at)
        return done.stdout.strip() if done.exit_code == 0 else str(done.exception)

    ids = []
    for reason in ("first", "second", "third"):
        request_id, status = (await ferryman(carol, "request", node.node_id, "--reason", reason)).split()
        assert status == "Pending"
        ids.append(request_id)
        server.clock.advance(1)
    root = server.administrator
    assert "it is Pending" in await ferryman(carol, "token", ids[0])
    assert await ferryman(root, "reject", ids[1], "--comment", "no") == f"{ids[1]} Rejected"
    assert await ferryman(root, "approve", ids[0]) == f"{ids[0]} Approved"
    assert "their own" in await ferryman(carol, "approve", ids[2])
    assert "only its requester" in await ferryman(root, "withdraw", ids[2])
    assert await ferryman(carol, "withdraw", ids[2], "--comment", "fixed") == f"{ids[2]} Revoked"
    assert "cannot be withdrawn: it is Revoked" in await ferryman(carol, "withdraw", ids[2])
    assert f"ferryman access revoke {ids[0]}" in await ferryman(carol, "withdraw", ids[0])

    table = await ferryman(root, "list", "--target", node.node_id)
    assert [line.split()[0] for line in table.splitlines()[1:]] == ids[::-1]
    rows = json.loads(await ferryman(root, "list", "--status", "Rejected", "--json"))
    assert [(row["accessRequestId"], row["details"]) for row in rows] == [(ids[1], "no")]
    assert await ferryman(root, "list", "--status", "Maybe") == "2"  # wrong usage
    shown = json.loads(await ferryman(root, "show", ids[0]))
    assert (shown["reason"], shown["approvals"][0]["level"]) == ("first", "Lead")

    process = json.loads(await ferryman(carol, "token", ids[0]))
    assert (process["Version"], set(process)) == (
        1,
        {"Version", "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"},
    )
    exported = await ferryman(carol, "token", ids[0], "--export")
    variables = dict(line.removeprefix("export ").split("=", 1) for line in exported.splitlines())
    assert set(variables) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", *at}
    assert {name: variables[name] for name in at} == at  # the next command needs no profile
    assert await ferryman(root, "revoke", ids[0]) == f"{ids[0]} Revoked"
    assert "it is Revoked" in await ferryman(carol, "token", ids[0])


GUIDE = Path(__file__).parents[3] / "docs/how-to/grant-access-just-in-time.md"


async def requester(server: Server, name: str) -> Credentials:
    """A user with nothing but the policy that the guide gives to people who request access."""
    policy = re.findall(r"```json\n(.*?)```", GUIDE.read_text(), re.DOTALL)[0]
    iam = server.client("iam")
    await asyncio.to_thread(iam.create_user, UserName=name)
    await asyncio.to_thread(iam.put_user_policy, UserName=name, PolicyName="requester", PolicyDocument=policy)
    return await create_access_key(server.service, name)


async def test_requesters_see_withdraw_and_revoke_their_own_requests_and_nobody_elses(server: Server) -> None:
    node = await server.register()
    await create(server, "People", "ManualApprovalPolicy", json.dumps(MANUAL))
    carol, dave = [server.client("ssm", await requester(server, name)) for name in ("carol", "dave")]

    async def call(client: Any, operation: str, **members: Any) -> Any:
        return await asyncio.to_thread(getattr(client, operation), **members)

    target = [{"Key": "InstanceIds", "Values": [node.node_id]}]
    hers, his = [
        (await call(each, "start_access_request", Reason="why", Targets=target))["AccessRequestId"]
        for each in (carol, dave)
    ]
    item = (await call(carol, "get_ops_item", OpsItemId=hers))["OpsItem"]
    listed = (await call(carol, "describe_ops_items"))["OpsItemSummaries"]
    assert [row["OpsItemId"] for row in listed] == [hers]
    others = [{"Key": "CreatedBy", "Operator": "Equal", "Values": [item["CreatedBy"].replace("carol", "dave")]}]
    assert (await call(carol, "describe_ops_items", OpsItemFilters=others))["OpsItemSummaries"] == []
    known = json.loads(item["OperationalData"]["/aws/accessrequest"]["Value"])
    execution = {"AutomationExecutionId": known["automationExecutionId"]}
    await server.call("send_automation_signal", **execution, SignalType="Approve")
    for client, operation, members in (
        (carol, "get_ops_item", {"OpsItemId": his}),
        (dave, "send_automation_signal", {**execution, "SignalType": "Revoke"}),
        (carol, "send_automation_signal", {**execution, "SignalType": "Approve"}),
    ):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            await call(client, operation, **members)
    await call(carol, "send_automation_signal", **execution, SignalType="Revoke")
    assert (await call(carol, "get_access_token", AccessRequestId=hers))["AccessRequestStatus"] == "Revoked"
    item = (await call(dave, "get_ops_item", OpsItemId=his))["OpsItem"]
    known = json.loads(item["OperationalData"]["/aws/accessrequest"]["Value"])
    pending = {"AutomationExecutionId": known["automationExecutionId"]}
    for client in (carol, server.client("ssm")):
        with pytest.raises(ClientError, match="AccessDeniedException"):
            await call(client, "send_automation_signal", **pending, SignalType="Revoke")
    await call(dave, "send_automation_signal", **pending, SignalType="Revoke")
    assert (await call(dave, "get_access_token", AccessRequestId=his))["AccessRequestStatus"] == "Revoked"


async def test_credentials_of_a_request_find_its_nodes_and_no_others(server: Server) -> None:
    node, _ = [await server.register() for _ in range(2)]
    await create(server, "People", "ManualApprovalPolicy", json.dumps(MANUAL))
    carol = server.client("ssm", await requester(server, "carol"))
    target = [{"Key": "InstanceIds", "Values": [node.node_id]}]
    made = await asyncio.to_thread(carol.start_access_request, Reason="why", Targets=target)
    item = (await server.call("get_ops_item", OpsItemId=made["AccessRequestId"]))["OpsItem"]
    known = json.loads(item["OperationalData"]["/aws/accessrequest"]["Value"])
    signalled = {"AutomationExecutionId": known["automationExecutionId"], "SignalType": "Approve"}
    await server.call("send_automation_signal", **signalled)
    given = (await asyncio.to_thread(carol.get_access_token, AccessRequestId=made["AccessRequestId"]))["Credentials"]
    token = Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))
    seen = await asyncio.to_thread(server.client("ssm", token).describe_instance_information)
    assert [row["InstanceId"] for row in seen["InstanceInformationList"]] == [node.node_id]
    assert len((await server.call("describe_instance_information"))["InstanceInformationList"]) == 2
