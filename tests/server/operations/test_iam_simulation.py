"""Simulations of policies."""

import asyncio
import json
from typing import Any

import pytest

from ferryman.model.tags import ResourceType
from ferryman.policy.offsets import statement_positions
from ferryman.server.operations.iam import simulation as iam_simulation_operations
from tests.server.callers.iam_calls import DOCUMENT, Iam, credentials, refused
from tests.server.running import ACCOUNT, Server


async def test_simulations_say_what_decides_and_where_it_stands(server: Server, iam: Iam) -> None:
    await iam("create_user", UserName="alice")
    alice = f"arn:aws:iam::{ACCOUNT}:user/alice"
    await iam("put_user_policy", UserName="alice", PolicyName="look", PolicyDocument=DOCUMENT)
    look, start = "ssm:DescribeSessions", "ssm:StartSession"
    given: dict[str, Any] = {"PolicySourceArn": alice, "ActionNames": [look, start]}
    allowed, refused_ = (await iam("simulate_principal_policy", **given))["EvaluationResults"]
    assert (allowed["EvalActionName"], allowed["EvalResourceName"], allowed["EvalDecision"]) == (look, "*", "allowed")
    begin, end = DOCUMENT.index("[") + 1, DOCUMENT.index("]")
    assert allowed["MatchedStatements"] == [
        {
            "SourcePolicyId": "look",
            "SourcePolicyType": "user",
            "StartPosition": {"Line": 1, "Column": begin + 1},
            "EndPosition": {"Line": 1, "Column": end},
        }
    ]
    assert (refused_["EvalDecision"], refused_["MatchedStatements"]) == ("implicitDeny", [])
    more = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Deny",
                "Action": "*",
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceIp": "192.0.2.7"}},
            },
        }
    )
    given |= {"PolicyInputList": [more], "PermissionsBoundaryPolicyInputList": [DOCUMENT]}
    open_, _ = (await iam("simulate_principal_policy", **given))["EvaluationResults"]
    assert open_["MissingContextValues"] == ["aws:SourceIp"]
    assert open_["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    entry = {"ContextKeyName": "aws:sourceip", "ContextKeyValues": ["192.0.2.7"], "ContextKeyType": "ip"}
    denied, _ = (await iam("simulate_principal_policy", **given, ContextEntries=[entry]))["EvaluationResults"]
    assert denied["EvalDecision"] == "explicitDeny"
    assert {each["SourcePolicyId"] for each in denied["MatchedStatements"]} == {
        "look",
        "PolicyInputList.1",
        "PermissionsBoundaryPolicyInputList.1",
    }
    custom: dict[str, Any] = {"PolicyInputList": [DOCUMENT], "ActionNames": [look, start], "ResourceArns": ["*", alice]}
    first = await iam("simulate_custom_policy", **custom, MaxItems=3)
    assert [each["EvalDecision"] for each in first["EvaluationResults"]] == ["allowed", "allowed", "implicitDeny"]
    rest = await iam("simulate_custom_policy", **custom, MaxItems=3, Marker=first["Marker"])
    assert [each["EvalResourceName"] for each in rest["EvaluationResults"]] == [alice]
    keys = await iam("get_context_keys_for_custom_policy", PolicyInputList=[more])
    assert keys["ContextKeyNames"] == ["aws:SourceIp"]
    assert (await iam("get_context_keys_for_principal_policy", PolicySourceArn=alice))["ContextKeyNames"] == []
    for wrong in (
        {"ActionNames": [look] * 32, "ResourceArns": ["*"] * 32},
        {"ActionNames": [look], "ResourceHandlingOption": "x"},
        {"ActionNames": [look], "PolicyInputList": [DOCUMENT] * 51},
        {"ActionNames": [look], "ContextEntries": [entry | {"ContextKeyValues": ["x" * 4096, "y" * 4097]}]},
    ):
        given = {"PolicyInputList": [DOCUMENT]} | wrong
        assert (await refused(iam, "simulate_custom_policy", **given))[0] == "InvalidInput"


async def test_statement_positions_are_computed_once_per_policy(iam: Iam, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def look(text: str) -> Any:
        looked.append(text)
        return statement_positions(text)

    monkeypatch.setattr(iam_simulation_operations, "statement_positions", look)
    text = json.dumps({"Statement": [{"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}] * 20})
    actions = ["ssm:GetDocument", "ssm:StartSession"]
    found = (await iam("simulate_custom_policy", ActionNames=actions, PolicyInputList=[text]))["EvaluationResults"]
    assert [len(each["MatchedStatements"]) for each in found] == [20, 20]
    assert looked == [text]


async def test_simulation_by_another_name_needs_permission_too(server: Server, iam: Iam) -> None:
    name = "director-of-operations"
    trust = json.dumps({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}})
    await iam("create_role", RoleName=name, AssumeRolePolicyDocument=trust)
    arns = [f"arn:aws:iam::{ACCOUNT}:{kind}/{name}" for kind in ("user", "role")]
    allow = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    policy = json.dumps({"Statement": [allow, {"Effect": "Deny", "Action": "iam:*", "Resource": arns}]})
    for user in (name, "eve"):
        await iam("create_user", UserName=user)
    await iam("put_user_policy", UserName="eve", PolicyName="p", PolicyDocument=policy)
    key = (await iam("create_access_key", UserName="eve"))["AccessKey"]
    eve = await asyncio.to_thread(server.client, "iam", credentials(key))
    for source in (*arns, name, f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/eve"):
        given = {"PolicySourceArn": source}
        answer = await refused(iam, "simulate_principal_policy", eve, **given, ActionNames=["ssm:StartSession"])
        assert answer[0] == "AccessDenied", source
        assert (await refused(iam, "get_context_keys_for_principal_policy", eve, **given))[0] == "AccessDenied"


async def test_custom_policy_simulation_does_not_reveal_node_tags(server: Server, iam: Iam) -> None:
    """Who may simulate policies of their own making could guess them otherwise, one by one."""
    node = "mi-0123456789abcdef0"
    await server.service.store.tags.put(ResourceType.NODE, node, {"team": "red"})
    guess = {
        "Effect": "Allow",
        "Action": "*",
        "Resource": "*",
        "Condition": {"StringLike": {"ssm:resourceTag/team": "r*"}},
    }
    asked: dict[str, Any] = {"ActionNames": ["ssm:StartSession"], "PolicyInputList": [json.dumps({"Statement": guess})]}
    asked["ResourceArns"] = [f"arn:aws:ssm:us-east-1:{ACCOUNT}:managed-instance/{node}"]
    (told,) = (await iam("simulate_custom_policy", **asked))["EvaluationResults"]
    assert (told["EvalDecision"], told["MissingContextValues"]) == ("implicitDeny", ["ssm:resourcetag/team"])
    root = f"arn:aws:iam::{ACCOUNT}:user/root"
    (told,) = (await iam("simulate_principal_policy", PolicySourceArn=root, **asked))["EvaluationResults"]
    assert told["MissingContextValues"] == []
