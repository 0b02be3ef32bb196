"""What approval policies may say, and where a wrong one is wrong."""

import json
from typing import Any

import pytest

from ferryman.core.documents.approval_policies import (
    AutoApprovalPolicy,
    check_cedar_parts,
    read_auto_approval_policy,
    read_manual_approval_policy,
    wrap_cedar,
)
from ferryman.core.documents.text import RuleBroken
from ferryman.model.access_requests import ApprovalLevel, Approver, ApproverKind
from ferryman.model.documents import AUTO_APPROVAL_DOCUMENT, DENY_ACCESS_DOCUMENT

PERMIT = "permit(principal, action, resource);"
FORBID = "forbid(principal, action, resource);"
USER = "arn:aws:iam::123456789012:user/carol"
SESSION = "arn:aws:sts::123456789012:assumed-role/Ops/carol"


def manual(**members: Any) -> dict[str, Any]:
    """As AWS's samples write it."""
    return {
        "schemaVersion": "0.3",
        "accessDuration": 86400,
        "description": "",
        "accessTokenRole": "SSM-JustInTimeAccessTokenRole",
        "targets": [{"Key": "tag:Workload", "Values": ["E-commerce", "Shop"]}],
        "mainSteps": [level()],
        **members,
    }


def level(name: str = "ManualApproval", **inputs: Any) -> dict[str, Any]:
    given = inputs or {"EnhancedApprovals": {"Approvers": [{"approver": "ec4df598-7071", "type": "SSOGroup"}]}}
    return {
        "name": name,
        "action": "aws:approve",
        "timeoutSeconds": 604800,
        "inputs": {"Message": "Please approve this request", "MinRequiredApprovals": 1, **given},
    }


def test_the_policy_of_people_that_aws_writes() -> None:
    policy = read_manual_approval_policy(manual())
    assert policy.levels == (ApprovalLevel("ManualApproval", 1, (Approver(ApproverKind.GROUP, "ec4df598-7071"),)),)
    assert (policy.window, policy.wait) == (86400, 604800)
    assert policy.fits({"Workload": "Shop", "Other": ""})
    assert not policy.fits({"Workload": "shop"})
    assert not policy.fits({})


def test_approvers_by_name_id_and_arn() -> None:
    enhanced = [
        {"approver": "AIDA1", "type": "IAMUser"},
        {"approver": "oncall", "type": "IAMGroup"},
        {"approver": "Ops", "type": "IAMRole"},
    ]
    given = {"Approvers": [USER, SESSION], "EnhancedApprovals": {"Approvers": enhanced}}
    policy = read_manual_approval_policy(manual(mainSteps=[level("a", **given), level("b", Approvers=["dora"])]))
    assert [each.approvers for each in policy.levels] == [
        (
            Approver(ApproverKind.USER, USER),
            Approver(ApproverKind.ARN, SESSION),
            Approver(ApproverKind.USER, "AIDA1"),
            Approver(ApproverKind.GROUP, "oncall"),
            Approver(ApproverKind.ROLE, "Ops"),
        ),
        (Approver(ApproverKind.USER, "dora"),),
    ]


@pytest.mark.parametrize("targets", [[], [{"Key": "InstanceIds", "Values": ["*"]}]])
def test_a_policy_for_every_node(targets: list[Any]) -> None:
    assert read_manual_approval_policy(manual(targets=targets)).fits({})


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ({"schemaVersion": "1.0"}, "schemaVersion"),
        ({"accessDuration": 59}, "accessDuration"),
        ({"accessDuration": 336 * 3600 + 1}, "accessDuration"),
        ({"accessDuration": True}, "accessDuration"),
        ({"accessDuration": "3600"}, "accessDuration"),
        ({"surprise": 1}, "surprise"),
        ({"accessTokenRole": 1}, "accessTokenRole"),
        ({"description": 1}, "description"),
        ({"mainSteps": []}, "mainSteps"),
        ({"mainSteps": [level(str(place)) for place in range(6)]}, "mainSteps"),
        ({"mainSteps": [level("a"), level("a")]}, "mainSteps"),
        ({"mainSteps": ["a"]}, "mainSteps[0]"),
        ({"mainSteps": [level() | {"action": "aws:sleep"}]}, "mainSteps[0].action"),
        ({"mainSteps": [level() | {"timeoutSeconds": 1}]}, "mainSteps[0].timeoutSeconds"),
        ({"mainSteps": [level() | {"name": ""}]}, "mainSteps[0].name"),
        ({"mainSteps": [level() | {"inputs": None}]}, "mainSteps[0].inputs"),
        ({"mainSteps": [level() | {"onFailure": "Continue"}]}, "mainSteps[0].onFailure"),
        ({"mainSteps": [level(MinRequiredApprovals=1)]}, "mainSteps[0].inputs"),
        ({"mainSteps": [level(Approvers=["a"], MinRequiredApprovals=0)]}, "mainSteps[0].inputs.MinRequiredApprovals"),
        ({"mainSteps": [level(Approvers=["a"], MinRequiredApprovals=2)]}, "mainSteps[0].inputs.MinRequiredApprovals"),
        ({"mainSteps": [level(Approvers=list("abcdef"))]}, "mainSteps[0].inputs"),
        ({"mainSteps": [level(Approvers=["a", "a"])]}, "mainSteps[0].inputs"),
        ({"mainSteps": [level(Approvers=["a", "b c"])]}, "mainSteps[0].inputs.Approvers[1]"),
        ({"mainSteps": [level(Approvers="a")]}, "mainSteps[0].inputs.Approvers"),
        (
            {"mainSteps": [level(EnhancedApprovals={"Approvers": [{"approver": "a", "type": "Robot"}]})]},
            "mainSteps[0].inputs.EnhancedApprovals.Approvers[0].type",
        ),
        (
            {"mainSteps": [level(EnhancedApprovals={"Approvers": [{"approver": USER, "type": "IAMRole"}]})]},
            "mainSteps[0].inputs.EnhancedApprovals.Approvers[0].approver",
        ),
        ({"targets": [{"Key": "tag:", "Values": ["a"]}]}, "targets[0].Key"),
        ({"targets": [{"Key": "InstanceIds", "Values": ["mi-1"]}]}, "targets[0].Key"),
        ({"targets": [{"Key": "tag:a", "Values": []}]}, "targets[0].Values"),
        ({"targets": [{"Key": "tag:a", "Values": [1]}]}, "targets[0].Values"),
        ({"targets": ["a"]}, "targets[0]"),
        ({"targets": {}}, None),
    ],
)
def test_a_wrong_policy_of_people_is_refused_with_its_place(members: dict[str, Any], path: str | None) -> None:
    if path is None:
        assert read_manual_approval_policy(manual(**members)).targets == ()
        return
    with pytest.raises(RuleBroken) as refused:
        read_manual_approval_policy(manual(**members))
    assert refused.value.path == path


def wrapped(*texts: str, **members: Any) -> dict[str, Any]:
    """As AWS's samples write it."""
    documents = [{"id": "optional", "type": "Cedar", "content": text} for text in texts]
    return {
        "schemaVersion": "0.3",
        "accessTokenRole": "SSM-JustInTimeAccessTokenRole",
        "accessDuration": 3600,
        "AutoApprovalPolicyDocuments": documents,
        **members,
    }


def test_the_automatic_policy_that_aws_writes() -> None:
    policy = read_auto_approval_policy(wrapped(PERMIT, FORBID), AUTO_APPROVAL_DOCUMENT)
    assert [part.text for part in policy.parts] == [PERMIT, FORBID]
    assert policy.window == 3600
    plain = read_auto_approval_policy(json.loads(json.dumps(wrap_cedar(PERMIT))), AUTO_APPROVAL_DOCUMENT)
    assert isinstance(plain, AutoApprovalPolicy)
    assert plain.parts[0].text == PERMIT


@pytest.mark.parametrize(
    ("value", "name", "path"),
    [
        (wrapped(PERMIT), "Other", ""),
        (wrapped(PERMIT), DENY_ACCESS_DOCUMENT, "AutoApprovalPolicyDocuments[0].content"),
        (wrapped(FORBID, "permit("), AUTO_APPROVAL_DOCUMENT, "AutoApprovalPolicyDocuments[1].content"),
        (wrapped(), AUTO_APPROVAL_DOCUMENT, "AutoApprovalPolicyDocuments"),
        (wrapped(PERMIT, accessDuration=3601), AUTO_APPROVAL_DOCUMENT, "accessDuration"),
        (
            wrapped(AutoApprovalPolicyDocuments=[{"type": "Rego", "content": ""}]),
            AUTO_APPROVAL_DOCUMENT,
            "AutoApprovalPolicyDocuments[0].type",
        ),
        (
            wrapped(AutoApprovalPolicyDocuments=[{"type": "Cedar", "content": 1}]),
            AUTO_APPROVAL_DOCUMENT,
            "AutoApprovalPolicyDocuments[0].content",
        ),
        (
            wrapped(AutoApprovalPolicyDocuments=[{"type": "Cedar", "content": PERMIT, "more": 1}]),
            AUTO_APPROVAL_DOCUMENT,
            "AutoApprovalPolicyDocuments[0].more",
        ),
    ],
)
def test_a_wrong_automatic_policy_is_refused_with_its_place(value: dict[str, Any], name: str, path: str) -> None:
    with pytest.raises(RuleBroken) as refused:
        check_cedar_parts(read_auto_approval_policy(value, name))
    assert refused.value.path == path
