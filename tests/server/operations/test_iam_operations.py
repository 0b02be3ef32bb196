"""IAM through boto3: what Terraform, the AWS CLI and scripts call on users, groups and policies."""

import asyncio
import json
from typing import Any

from tests.server.callers.iam_calls import BUILT_IN, DOCUMENT, Iam, credentials, refused
from tests.server.running import ACCOUNT, Server
from tests.waiting import PATIENCE


async def test_user_lifecycle(server: Server, iam: Iam) -> None:
    tags = [{"Key": "team", "Value": "web"}]
    made = (await iam("create_user", UserName="alice", Path="/ops/", Tags=tags, PermissionsBoundary=BUILT_IN))["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ops/alice"
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == BUILT_IN
    assert (await iam("get_user", UserName="alice"))["User"] == made
    assert made["Tags"] == tags
    assert await refused(iam, "create_user", UserName="alice") == (
        "EntityAlreadyExists",
        409,
        "User with name alice already exists.",
    )
    await iam("tag_user", UserName="alice", Tags=[{"Key": "tier", "Value": "1"}])
    await iam("untag_user", UserName="alice", TagKeys=["team", "none"])
    assert (await iam("list_user_tags", UserName="alice"))["Tags"] == [{"Key": "tier", "Value": "1"}]
    key = (await iam("create_access_key", UserName="alice"))["AccessKey"]
    assert (key["UserName"], key["Status"]) == ("alice", "Active")
    assert (await refused(iam, "delete_user", UserName="alice"))[:2] == ("DeleteConflict", 409)
    await iam("delete_access_key", UserName="alice", AccessKeyId=key["AccessKeyId"])
    await iam("delete_user_permissions_boundary", UserName="alice")
    await iam("delete_user", UserName="alice")
    assert (await refused(iam, "get_user", UserName="alice"))[:2] == ("NoSuchEntity", 404)
    assert [user["UserName"] for user in (await iam("list_users"))["Users"]] == ["root"]


async def test_keys_work_are_two_at_most_and_say_when_they_were_used(server: Server, iam: Iam) -> None:
    await iam("create_user", UserName="alice")
    await iam("attach_user_policy", UserName="alice", PolicyArn="arn:aws:iam::aws:policy/FerrymanAdministrator")
    first, second = [(await iam("create_access_key", UserName="alice"))["AccessKey"] for _ in range(2)]
    assert (await refused(iam, "create_access_key", UserName="alice"))[:2] == ("LimitExceeded", 409)
    used = await iam("get_access_key_last_used", AccessKeyId=first["AccessKeyId"])
    assert used["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    own = server.client("iam", credentials(first))
    me = (await iam("get_user", own))["User"]
    assert me["UserName"] == "alice"
    listed = (await iam("list_access_keys", own))["AccessKeyMetadata"]
    assert {key["AccessKeyId"] for key in listed} == {first["AccessKeyId"], second["AccessKeyId"]}
    async with asyncio.timeout(PATIENCE):
        while (used := await iam("get_access_key_last_used", AccessKeyId=first["AccessKeyId"]))["AccessKeyLastUsed"][
            "ServiceName"
        ] == "N/A":
            await asyncio.sleep(0.005)
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("alice", "iam")
    await iam("update_access_key", UserName="alice", AccessKeyId=first["AccessKeyId"], Status="Inactive")
    assert (await refused(iam, "get_user", own))[:2] == ("InvalidClientTokenId", 403)
    assert (await refused(iam, "delete_access_key", UserName="root", AccessKeyId=second["AccessKeyId"]))[0] == (
        "NoSuchEntity"
    )


async def test_renamed_user_keeps_its_identity(server: Server, iam: Iam) -> None:
    await iam("create_user", UserName="alice")
    await iam("put_user_policy", UserName="alice", PolicyName="p", PolicyDocument=DOCUMENT)
    key = credentials((await iam("create_access_key", UserName="alice"))["AccessKey"])
    ssm = server.client("ssm", key)
    await iam("describe_sessions", ssm, State="Active")
    await iam("update_user", UserName="alice", NewUserName="carol", NewPath="/ops/")
    await iam("describe_sessions", ssm, State="Active")
    identity = await iam("get_caller_identity", server.client("sts", key))
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ops/carol"
    assert (await refused(iam, "update_user", UserName="carol", NewUserName="root"))[:2] == ("EntityAlreadyExists", 409)


async def test_group_policies_apply_immediately(server: Server, iam: Iam) -> None:
    await iam("create_user", UserName="alice")
    ssm = server.client("ssm", credentials((await iam("create_access_key", UserName="alice"))["AccessKey"]))
    group = (await iam("create_group", GroupName="watchers", Path="/x/"))["Group"]
    assert group["Arn"] == f"arn:aws:iam::{ACCOUNT}:group/x/watchers"
    await iam("put_group_policy", GroupName="watchers", PolicyName="look", PolicyDocument=DOCUMENT)
    held = await iam("get_group_policy", GroupName="watchers", PolicyName="look")
    assert held["PolicyDocument"] == json.loads(DOCUMENT)
    assert (await refused(iam, "describe_sessions", ssm, State="Active"))[0] == "AccessDeniedException"
    await iam("add_user_to_group", GroupName="watchers", UserName="alice")
    await iam("describe_sessions", ssm, State="Active")
    assert [each["UserName"] for each in (await iam("get_group", GroupName="watchers"))["Users"]] == ["alice"]
    assert [each["GroupName"] for each in (await iam("list_groups_for_user", UserName="alice"))["Groups"]] == [
        "watchers"
    ]
    assert (await refused(iam, "delete_user", UserName="alice"))[0] == "DeleteConflict"
    assert (await refused(iam, "delete_group", GroupName="watchers"))[0] == "DeleteConflict"
    await iam("delete_group_policy", GroupName="watchers", PolicyName="look")
    assert (await refused(iam, "describe_sessions", ssm, State="Active"))[0] == "AccessDeniedException"
    assert (await refused(iam, "delete_group", GroupName="watchers"))[0] == "DeleteConflict"
    await iam("update_group", GroupName="watchers", NewGroupName="lookers")
    await iam("remove_user_from_group", GroupName="lookers", UserName="alice")
    assert (await refused(iam, "remove_user_from_group", GroupName="lookers", UserName="alice"))[0] == "NoSuchEntity"
    await iam("delete_group", GroupName="lookers")
    assert (await iam("list_groups"))["Groups"] == []


async def test_the_versions_of_a_policy(server: Server, iam: Iam) -> None:
    made = (await iam("create_policy", PolicyName="look", PolicyDocument=DOCUMENT, Description="Looks."))["Policy"]
    arn = made["Arn"]
    assert (made["DefaultVersionId"], made["AttachmentCount"], arn) == ("v1", 0, f"arn:aws:iam::{ACCOUNT}:policy/look")
    await iam("create_user", UserName="alice")
    ssm = server.client("ssm", credentials((await iam("create_access_key", UserName="alice"))["AccessKey"]))
    await iam("attach_user_policy", UserName="alice", PolicyArn=arn)
    await iam("describe_sessions", ssm, State="Active")
    other = DOCUMENT.replace("DescribeSessions", "ListDocuments")
    for number in range(2, 6):
        version = await iam("create_policy_version", PolicyArn=arn, PolicyDocument=other, SetAsDefault=number == 2)
        assert version["PolicyVersion"]["VersionId"] == f"v{number}"
    assert (await refused(iam, "create_policy_version", PolicyArn=arn, PolicyDocument=other))[:2] == (
        "LimitExceeded",
        409,
    )
    assert (await refused(iam, "describe_sessions", ssm, State="Active"))[0] == "AccessDeniedException"
    await iam("set_default_policy_version", PolicyArn=arn, VersionId="v1")
    await iam("describe_sessions", ssm, State="Active")
    assert (await refused(iam, "delete_policy_version", PolicyArn=arn, VersionId="v1"))[0] == "DeleteConflict"
    assert (await refused(iam, "get_policy_version", PolicyArn=arn, VersionId="v9"))[:2] == ("NoSuchEntity", 404)
    got = (await iam("get_policy_version", PolicyArn=arn, VersionId="v2"))["PolicyVersion"]
    assert (got["Document"], got["IsDefaultVersion"]) == (json.loads(other), False)
    versions = (await iam("list_policy_versions", PolicyArn=arn))["Versions"]
    assert [(each["VersionId"], each["IsDefaultVersion"]) for each in versions] == [
        ("v5", False),
        ("v4", False),
        ("v3", False),
        ("v2", False),
        ("v1", True),
    ]
    assert (await refused(iam, "delete_policy", PolicyArn=arn))[0] == "DeleteConflict"
    for number in range(2, 6):
        await iam("delete_policy_version", PolicyArn=arn, VersionId=f"v{number}")
    assert (await refused(iam, "delete_policy", PolicyArn=arn))[:2] == ("DeleteConflict", 409)
    entities = await iam("list_entities_for_policy", PolicyArn=arn)
    assert [each["UserName"] for each in entities["PolicyUsers"]] == ["alice"]
    assert (await iam("get_policy", PolicyArn=arn))["Policy"]["AttachmentCount"] == 1
    await iam("detach_user_policy", UserName="alice", PolicyArn=arn)
    await iam("delete_policy", PolicyArn=arn)
    assert (await refused(iam, "get_policy", PolicyArn=arn))[0] == "NoSuchEntity"


async def test_a_boundary_bounds_and_keeps_its_policy(server: Server, iam: Iam) -> None:
    arn = (await iam("create_policy", PolicyName="bound", PolicyDocument=DOCUMENT))["Policy"]["Arn"]
    await iam("create_user", UserName="alice")
    await iam("attach_user_policy", UserName="alice", PolicyArn="arn:aws:iam::aws:policy/FerrymanAdministrator")
    ssm = server.client("ssm", credentials((await iam("create_access_key", UserName="alice"))["AccessKey"]))
    await iam("list_documents", ssm)
    await iam("put_user_permissions_boundary", UserName="alice", PermissionsBoundary=arn)
    code, _, message = await refused(iam, "list_documents", ssm)
    assert code == "AccessDeniedException"
    assert message.endswith("because no permissions boundary allows the ssm:ListDocuments action")
    await iam("describe_sessions", ssm, State="Active")
    assert (await refused(iam, "delete_policy", PolicyArn=arn))[0] == "DeleteConflict"
    assert (await iam("get_policy", PolicyArn=arn))["Policy"]["PermissionsBoundaryUsageCount"] == 1
    await iam("delete_user_permissions_boundary", UserName="alice")
    await iam("list_documents", ssm)
    await iam("delete_policy", PolicyArn=arn)
    absent = "arn:aws:iam::aws:policy/None"
    assert (await refused(iam, "put_user_permissions_boundary", UserName="alice", PermissionsBoundary=absent))[0] == (
        "NoSuchEntity"
    )


async def test_page_tokens_work_only_for_their_caller(server: Server, iam: Iam) -> None:
    for name in ("a", "b", "c"):
        await iam("create_user", UserName=name, Path="/ops/")
        await iam("create_policy", PolicyName=name, PolicyDocument=DOCUMENT, Path="/ops/")
    first = await iam("list_users", PathPrefix="/ops/", MaxItems=2)
    assert ([user["UserName"] for user in first["Users"]], first["IsTruncated"]) == (["a", "b"], True)
    rest = await iam("list_users", PathPrefix="/ops/", MaxItems=2, Marker=first["Marker"])
    assert ([user["UserName"] for user in rest["Users"]], rest["IsTruncated"]) == (["c"], False)
    for changed in ({"PathPrefix": "/"}, {"PathPrefix": "/ops/", "Marker": first["Marker"][:-4]}):
        given = {"MaxItems": 2, "Marker": first["Marker"]} | changed
        assert (await refused(iam, "list_users", **given))[:2] == ("ValidationError", 400)
    client = server.client("iam")
    walk = client.get_paginator("list_policies").paginate(PaginationConfig={"PageSize": 1})
    names = await asyncio.to_thread(lambda: [each["PolicyName"] for page in walk for each in page["Policies"]])
    assert names == ["FerrymanAdministrator", "FerrymanOperator", "a", "b", "c"]
    local = await iam("list_policies", Scope="Local", PathPrefix="/ops/")
    assert [each["PolicyName"] for each in local["Policies"]] == ["a", "b", "c"]
    attached = await iam("list_policies", OnlyAttached=True)
    assert [each["PolicyName"] for each in attached["Policies"]] == ["FerrymanAdministrator"]


REFUSALS: list[tuple[str, dict[str, Any], str, int, str]] = [
    ("create_policy", {"PolicyName": "p", "PolicyDocument": "{"}, "MalformedPolicyDocument", 400, "line 1"),
    (
        "put_user_policy",
        {"UserName": "root", "PolicyName": "p", "PolicyDocument": DOCUMENT.replace("Allow", "Permit")},
        "MalformedPolicyDocument",
        400,
        "Statement[0].Effect",
    ),
    (
        "put_user_policy",
        {"UserName": "root", "PolicyName": "p", "PolicyDocument": DOCUMENT.replace("ssm:", "ssm:" + "x" * 2048)},
        "LimitExceeded",
        409,
        "2048",
    ),
    ("put_user_policy", {"UserName": "no", "PolicyName": "p", "PolicyDocument": "{}"}, "NoSuchEntity", 404, "no"),
    ("attach_user_policy", {"UserName": "root", "PolicyArn": BUILT_IN + "x"}, "NoSuchEntity", 404, "Operatorx"),
    ("create_policy_version", {"PolicyArn": BUILT_IN, "PolicyDocument": DOCUMENT}, "InvalidInput", 400, "built in"),
    ("delete_policy", {"PolicyArn": BUILT_IN}, "InvalidInput", 400, "built in"),
    ("create_user", {"UserName": "a b"}, "ValidationError", 400, "userName"),
    ("create_user", {"UserName": "a", "Path": "ops"}, "ValidationError", 400, "path"),
    ("create_user", {"UserName": "a", "Path": f"/{'x' * 300}/"}, "ValidationError", 400, "too long"),
    (
        "create_user",
        {"UserName": "a", "Tags": [{"Key": "K", "Value": ""}, {"Key": "k", "Value": ""}]},
        "InvalidInput",
        400,
        "Duplicate",
    ),
    ("create_user", {"UserName": "a", "Tags": [{"Key": "aws:x", "Value": ""}]}, "InvalidInput", 400, "aws:"),
    ("get_access_key_last_used", {"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"}, "NoSuchEntity", 404, "AKIA"),
]


async def test_refusals(iam: Iam) -> None:
    for operation, parameters, code, status, told in REFUSALS:
        answer = await refused(iam, operation, **parameters)
        assert answer[:2] == (code, status), (operation, parameters, answer)
        assert told in answer[2], (operation, parameters)


async def test_inline_policies_of_one_user_share_their_limit(iam: Iam) -> None:
    long = DOCUMENT.replace("ssm:", "ssm:" + "x" * 1000)
    await iam("put_user_policy", UserName="root", PolicyName="a", PolicyDocument=long)
    await iam("put_user_policy", UserName="root", PolicyName="a", PolicyDocument=long)
    assert (await refused(iam, "put_user_policy", UserName="root", PolicyName="b", PolicyDocument=long))[0] == (
        "LimitExceeded"
    )
    assert (await iam("list_user_policies", UserName="root"))["PolicyNames"] == ["a"]


async def test_the_calls_of_terraform_work_in_its_order(server: Server, iam: Iam) -> None:
    """As Terraform 1.11 with its AWS provider 5.100 does: make, read again, change, read, destroy by force."""
    arn = (await iam("create_policy", PolicyName="look", PolicyDocument=DOCUMENT, Path="/ops/"))["Policy"]["Arn"]
    await iam("get_policy", PolicyArn=arn)
    version = await iam("get_policy_version", PolicyArn=arn, VersionId="v1")
    assert version["PolicyVersion"]["Document"] == json.loads(DOCUMENT)
    await iam("create_user", UserName="alice", PermissionsBoundary=arn)
    assert (await iam("get_user", UserName="alice"))["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    await iam("put_user_policy", UserName="alice", PolicyName="own", PolicyDocument=DOCUMENT)
    await iam("get_user_policy", UserName="alice", PolicyName="own")
    key = (await iam("create_access_key", UserName="alice"))["AccessKey"]["AccessKeyId"]
    assert (await iam("list_access_keys", UserName="alice"))["AccessKeyMetadata"][0]["AccessKeyId"] == key
    await iam("attach_user_policy", UserName="alice", PolicyArn=arn)
    attached = await iam("list_attached_user_policies", UserName="alice")
    assert attached["AttachedPolicies"] == [{"PolicyName": "look", "PolicyArn": arn}]
    await iam("list_policy_versions", PolicyArn=arn)
    other = DOCUMENT.replace("DescribeSessions", "ListDocuments")
    await iam("create_policy_version", PolicyArn=arn, PolicyDocument=other, SetAsDefault=True)
    assert (await iam("get_policy", PolicyArn=arn))["Policy"]["DefaultVersionId"] == "v2"
    await iam("delete_user_policy", UserName="alice", PolicyName="own")
    await iam("detach_user_policy", UserName="alice", PolicyArn=arn)
    await iam("delete_access_key", UserName="alice", AccessKeyId=key)
    for operation, member in (
        ("list_groups_for_user", "Groups"),
        ("list_user_policies", "PolicyNames"),
        ("list_attached_user_policies", "AttachedPolicies"),
        ("list_access_keys", "AccessKeyMetadata"),
        ("list_ssh_public_keys", "SSHPublicKeys"),
        ("list_mfa_devices", "MFADevices"),
        ("list_signing_certificates", "Certificates"),
        ("list_service_specific_credentials", "ServiceSpecificCredentials"),
    ):
        assert (await iam(operation, UserName="alice"))[member] == []
    assert (await iam("list_virtual_mfa_devices", AssignmentStatus="Assigned"))["VirtualMFADevices"] == []
    assert (await refused(iam, "delete_login_profile", UserName="alice"))[:2] == ("NoSuchEntity", 404)
    await iam("delete_user", UserName="alice")
    versions = (await iam("list_policy_versions", PolicyArn=arn))["Versions"]
    for each in versions:
        if not each["IsDefaultVersion"]:
            await iam("delete_policy_version", PolicyArn=arn, VersionId=each["VersionId"])
    await iam("delete_policy", PolicyArn=arn)


async def test_the_account_as_a_whole(server: Server, iam: Iam) -> None:
    arn = (await iam("create_policy", PolicyName="look", PolicyDocument=DOCUMENT))["Policy"]["Arn"]
    tags = [{"Key": "team", "Value": "web"}]
    await iam("create_user", UserName="alice", PermissionsBoundary=arn, Tags=tags)
    await iam("create_group", GroupName="watchers")
    await iam("add_user_to_group", GroupName="watchers", UserName="alice")
    await iam("put_group_policy", GroupName="watchers", PolicyName="p", PolicyDocument=DOCUMENT)
    trust = '{"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}}'
    await iam("create_role", RoleName="ops", AssumeRolePolicyDocument=trust)
    await iam("attach_role_policy", RoleName="ops", PolicyArn=arn)
    told = await iam("get_account_authorization_details")
    alice, root = told["UserDetailList"]
    assert (alice["UserName"], alice["GroupList"], alice["Tags"]) == ("alice", ["watchers"], tags)
    assert alice["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert [each["PolicyName"] for each in root["AttachedManagedPolicies"]] == ["FerrymanAdministrator"]
    (group,) = told["GroupDetailList"]
    assert group["GroupPolicyList"] == [{"PolicyName": "p", "PolicyDocument": json.loads(DOCUMENT)}]
    (role,) = told["RoleDetailList"]
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "look", "PolicyArn": arn}]
    assert role["AssumeRolePolicyDocument"] == json.loads(trust)
    (own,) = (await iam("get_account_authorization_details", Filter=["LocalManagedPolicy"]))["Policies"]
    assert (own["AttachmentCount"], own["PermissionsBoundaryUsageCount"]) == (1, 1)
    assert own["PolicyVersionList"][0]["Document"] == json.loads(DOCUMENT)
    walk = (
        server.client("iam")
        .get_paginator("get_account_authorization_details")
        .paginate(PaginationConfig={"PageSize": 2})
    )
    pages = await asyncio.to_thread(lambda: list(walk))
    assert sum(len(page["Policies"]) for page in pages) == 3
    assert [user["UserName"] for page in pages for user in page["UserDetailList"]] == ["alice", "root"]
    summary = (await iam("get_account_summary"))["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["Roles"], summary["AccessKeysPerUserQuota"]) == (2, 1, 1, 2)
