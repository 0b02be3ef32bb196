"""The order of evaluation, what decided, and what an explanation holds."""

import json
from collections.abc import Mapping, Sequence

import pytest

from ferryman.policy.context import request_context
from ferryman.policy.documents import Effect, PolicyKind
from ferryman.policy.evaluation import (
    Decision,
    Layer,
    MatchedStatement,
    NamedPolicy,
    PolicySet,
    Request,
    Verdict,
    evaluate,
    explain,
)
from ferryman.policy.parsing import parse_policy
from ferryman.policy.principals import Requester

NODE = "arn:aws:ssm:us-east-1:111122223333:managed-instance/mi-0123456789abcdef0"
ALICE = Requester(arn="arn:aws:iam::111122223333:user/alice", account_id="111122223333")
SESSION = Requester(
    arn="arn:aws:sts::111122223333:assumed-role/admin/alice",
    account_id="111122223333",
    role_arn="arn:aws:iam::111122223333:role/admin",
)
WEB = Requester(provider="id.example.com")
START = Request("ssm:StartSession", NODE, request_context({"aws:username": "alice"}), ALICE)
ASSUME = "arn:aws:iam::111122223333:role/admin"


def policy(name: str, *statements: Mapping[str, object], kind: PolicyKind = PolicyKind.MANAGED) -> NamedPolicy:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return NamedPolicy(name, parse_policy(text, kind))


def one(effect: str, action: str = "ssm:StartSession", **more: object) -> dict[str, object]:
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


ALLOWS = policy("allows", one("Allow", Sid="Yes"))
DENIES = policy("denies", one("Deny", Sid="No"))
SILENT = policy("silent", one("Allow", "ssm:GetDocument"), one("Deny", "ssm:GetDocument"))


def trust(effect: str, principal: object, action: str = "sts:AssumeRole") -> NamedPolicy:
    return policy("trust", {"Effect": effect, "Action": action, "Principal": principal}, kind=PolicyKind.TRUST)


def resource(effect: str, principal: object) -> NamedPolicy:
    return policy("resource", one(effect, Principal=principal), kind=PolicyKind.RESOURCE)


def outcome(policies: PolicySet, request: Request = START) -> tuple[Verdict, Layer, str | None]:
    decision = evaluate(policies, request)
    assert decision == explain(policies, request).decision
    assert decision.allowed is (decision.verdict is Verdict.ALLOWED)
    return decision.verdict, decision.layer, decision.statement.policy if decision.statement else None


@pytest.mark.parametrize("identity", [(), (SILENT,)])
def test_actions_without_a_matching_statement_are_denied(identity: Sequence[NamedPolicy]) -> None:
    assert outcome(PolicySet(identity)) == (Verdict.IMPLICIT_DENY, Layer.IDENTITY, None)
    assert outcome(PolicySet(identity, ALLOWS, (ALLOWS,))) == (Verdict.IMPLICIT_DENY, Layer.IDENTITY, None)


def test_an_allowance_names_its_statement() -> None:
    assert evaluate(PolicySet((SILENT, ALLOWS)), START) == Decision(
        Verdict.ALLOWED, Layer.IDENTITY, MatchedStatement(Layer.IDENTITY, "allows", 0, "Yes", Effect.ALLOW)
    )


@pytest.mark.parametrize(
    ("policies", "layer"),
    [
        (PolicySet((ALLOWS, DENIES)), Layer.IDENTITY),
        (PolicySet((DENIES, ALLOWS)), Layer.IDENTITY),
        (PolicySet((ALLOWS,), DENIES), Layer.BOUNDARY),
        (PolicySet((ALLOWS,), ALLOWS, (ALLOWS, DENIES)), Layer.SESSION),
        (PolicySet((ALLOWS,), resource=resource("Deny", "*")), Layer.RESOURCE),
        (PolicySet((), DENIES), Layer.BOUNDARY),
        (PolicySet((DENIES,), resource=resource("Allow", {"AWS": ALICE.arn})), Layer.IDENTITY),
    ],
)
def test_a_denial_in_any_policy_wins(policies: PolicySet, layer: Layer) -> None:
    verdict, of, _ = outcome(policies)
    assert (verdict, of) == (Verdict.EXPLICIT_DENY, layer)


def test_a_denial_names_its_statement() -> None:
    decision = evaluate(PolicySet((ALLOWS, policy("p", one("Allow"), one("Deny", Sid="B")))), START)
    assert decision.statement == MatchedStatement(Layer.IDENTITY, "p", 1, "B", Effect.DENY)


def test_a_boundary_and_session_policies_must_allow_too() -> None:
    assert outcome(PolicySet((ALLOWS,), ALLOWS, (SILENT, ALLOWS)))[0] is Verdict.ALLOWED
    assert outcome(PolicySet((ALLOWS,), SILENT)) == (Verdict.IMPLICIT_DENY, Layer.BOUNDARY, None)
    assert outcome(PolicySet((ALLOWS,), SILENT, (SILENT,))) == (Verdict.IMPLICIT_DENY, Layer.BOUNDARY, None)
    assert outcome(PolicySet((ALLOWS,), ALLOWS, (SILENT,))) == (Verdict.IMPLICIT_DENY, Layer.SESSION, None)
    assert outcome(PolicySet((ALLOWS,), None, ())) == (Verdict.IMPLICIT_DENY, Layer.SESSION, None)


def test_a_resource_policy_that_names_the_caller_is_enough() -> None:
    allowed = (Verdict.ALLOWED, Layer.RESOURCE, "resource")
    assert outcome(PolicySet((), SILENT, (), resource("Allow", {"AWS": ALICE.arn}))) == allowed


def test_a_resource_policy_that_names_the_role_spares_identity_policies_only() -> None:
    request = Request(START.action, NODE, START.context, SESSION)
    grants = resource("Allow", {"AWS": SESSION.role_arn})
    assert outcome(PolicySet((), None, None, grants), request) == (Verdict.ALLOWED, Layer.RESOURCE, "resource")
    assert outcome(PolicySet((), SILENT, None, grants), request) == (Verdict.IMPLICIT_DENY, Layer.BOUNDARY, None)
    assert outcome(PolicySet((), ALLOWS, (), grants), request) == (Verdict.IMPLICIT_DENY, Layer.SESSION, None)


@pytest.mark.parametrize("principal", ["*", {"AWS": "111122223333"}])
def test_a_resource_policy_that_names_the_account_leaves_it_to_identity_policies(principal: object) -> None:
    grants = resource("Allow", principal)
    assert outcome(PolicySet((), resource=grants)) == (Verdict.IMPLICIT_DENY, Layer.IDENTITY, None)
    assert outcome(PolicySet((ALLOWS,), resource=grants)) == (Verdict.ALLOWED, Layer.RESOURCE, "resource")


@pytest.mark.parametrize("others", ["*", {"AWS": "111122223333"}])
def test_the_most_direct_statement_of_a_resource_policy_counts(others: object) -> None:
    for principals in ((others, {"AWS": ALICE.arn}), ({"AWS": ALICE.arn}, others)):
        statements = [one("Allow", Principal=principal) for principal in principals]
        grants = policy("resource", *statements, kind=PolicyKind.RESOURCE)
        decision = evaluate(PolicySet(resource=grants), START)
        assert decision.allowed
        assert decision.statement is not None
        assert decision.statement.index == principals.index({"AWS": ALICE.arn})


def test_identity_policies_are_enough_where_a_resource_policy_is_silent() -> None:
    silent = resource("Allow", {"AWS": "999999999999"})
    assert outcome(PolicySet((ALLOWS,), resource=silent)) == (Verdict.ALLOWED, Layer.IDENTITY, "allows")


ASSUMES = policy("assumes", one("Allow", "sts:AssumeRole"))


@pytest.mark.parametrize(
    ("identity", "principal", "requester", "expected"),
    [
        ((ASSUMES,), {"AWS": "999999999999"}, ALICE, (Verdict.IMPLICIT_DENY, Layer.RESOURCE, None)),
        ((ASSUMES,), {"AWS": "111122223333"}, ALICE, (Verdict.ALLOWED, Layer.RESOURCE, "trust")),
        ((), {"AWS": "111122223333"}, ALICE, (Verdict.IMPLICIT_DENY, Layer.IDENTITY, None)),
        ((), {"AWS": ALICE.arn}, ALICE, (Verdict.ALLOWED, Layer.RESOURCE, "trust")),
        ((), {"AWS": ALICE.arn}, SESSION, (Verdict.IMPLICIT_DENY, Layer.RESOURCE, None)),
        ((), {"AWS": ALICE.arn}, None, (Verdict.IMPLICIT_DENY, Layer.RESOURCE, None)),
        ((), "*", WEB, (Verdict.IMPLICIT_DENY, Layer.IDENTITY, None)),
        ((), {"Federated": "id.example.com"}, WEB, (Verdict.ALLOWED, Layer.RESOURCE, "trust")),
        ((ASSUMES,), {"Federated": "id.example.com"}, ALICE, (Verdict.IMPLICIT_DENY, Layer.RESOURCE, None)),
    ],
)
def test_a_trust_policy_must_allow(
    identity: Sequence[NamedPolicy],
    principal: object,
    requester: Requester | None,
    expected: tuple[Verdict, Layer, str | None],
) -> None:
    request = Request("sts:AssumeRole", ASSUME, START.context, requester)
    assert outcome(PolicySet(identity, resource=trust("Allow", principal)), request) == expected


def test_a_trust_policy_is_about_its_actions_only() -> None:
    request = Request("sts:AssumeRoleWithWebIdentity", ASSUME, START.context, WEB)
    trusting = trust("Allow", {"Federated": "id.example.com"})
    assert outcome(PolicySet(resource=trusting), request) == (Verdict.IMPLICIT_DENY, Layer.RESOURCE, None)


@pytest.mark.parametrize("requester", [ALICE, SESSION, WEB, None])
def test_a_denial_of_everyone_else_spares_whom_it_names(requester: Requester | None) -> None:
    denial = {"Effect": "Deny", "Action": "sts:*", "NotPrincipal": {"AWS": ALICE.arn}}
    trusting = policy(
        "trust",
        {
            "Effect": "Allow",
            "Action": "sts:*",
            "Principal": {"AWS": [ALICE.arn, SESSION.arn], "Federated": "id.example.com"},
        },
        denial,
        kind=PolicyKind.TRUST,
    )
    request = Request("sts:AssumeRole", ASSUME, START.context, requester)
    expected = Verdict.ALLOWED if requester is ALICE else Verdict.EXPLICIT_DENY
    assert outcome(PolicySet(resource=trusting), request)[0] is expected


def test_a_denial_of_everyone_is_also_of_web_identities() -> None:
    trusting = policy(
        "trust",
        {"Effect": "Allow", "Action": "sts:*", "Principal": {"Federated": "id.example.com"}},
        {"Effect": "Deny", "Action": "sts:*", "Principal": "*"},
        kind=PolicyKind.TRUST,
    )
    request = Request("sts:AssumeRoleWithWebIdentity", ASSUME, START.context, WEB)
    assert outcome(PolicySet(resource=trusting), request)[0] is Verdict.EXPLICIT_DENY


@pytest.mark.parametrize(
    ("statement", "applies"),
    [
        (one("Allow", "SSM:startSESSION"), True),
        (one("Allow", "ssm:Start*"), True),
        (one("Allow", "ssm:?tartSession"), True),
        (one("Allow", "*"), True),
        (one("Allow", "*:*"), True),
        (one("Allow", "ssm:Start"), False),
        (one("Allow", "ssmmessages:*"), False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, True),
        ({"Effect": "Allow", "NotAction": ["iam:*", "ssm:S*"], "Resource": "*"}, False),
        (one("Allow", Resource=NODE), True),
        (one("Allow", Resource=NODE.upper().replace("ARN:AWS:SSM", "arn:aws:ssm")), False),
        (one("Allow", Resource=["arn:aws:ssm:*:*:document/*", "arn:aws:ssm:*:*:managed-instance/*"]), True),
        (one("Allow", Resource="arn:aws:ssm:*:*:document/*"), False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ssm:*:*:document/*"}, True),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ssm:*:*:managed-instance/*"}, False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "*"}, False),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ec2:*:*:x/${aws:nothing}"}, True),
        ({"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:ssm:*:*:*/${aws:nothing}"}, False),
        (one("Allow", Resource="arn:aws:ssm:*:*:*/${aws:nothing}"), False),
        (one("Allow", Resource="arn:aws:ssm:*:*:*/${aws:nothing, 'mi-0123456789abcdef0'}"), True),
        (one("Allow", Condition={"StringEquals": {"aws:username": "alice"}, "Null": {"aws:x": "true"}}), True),
        (one("Allow", Condition={"StringEquals": {"aws:username": "alice", "aws:x": "y"}}), False),
    ],
)
def test_what_a_statement_is_about(statement: dict[str, object], applies: bool) -> None:
    assert evaluate(PolicySet((policy("p", statement),)), START).allowed is applies


def test_a_denial_except_of_what_is_not_known_denies() -> None:
    spared = {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:ssm:*:*:managed-instance/${aws:nothing}"}
    assert outcome(PolicySet((ALLOWS, policy("p", spared))))[0] is Verdict.EXPLICIT_DENY


def test_an_explanation_has_every_statement_that_applies_and_every_key_that_lacks() -> None:
    identity = policy(
        "p",
        one("Allow"),
        one("Allow", Condition={"StringEquals": {"aws:PrincipalTag/Team": "${aws:userid}"}}),
        one("Deny", Condition={"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:username": "bob"}}),
        one("Deny", "ssm:GetDocument", Condition={"Bool": {"x:other": "false"}}),
        one("Allow", Sid="Last", Resource="arn:aws:ssm:*:*:*/${aws:nothing, 'mi-0123456789abcdef0'}"),
    )
    explanation = explain(PolicySet((identity,), ALLOWS), START)
    assert [(each.layer, each.policy, each.index, each.sid) for each in explanation.matched] == [
        (Layer.IDENTITY, "p", 0, ""),
        (Layer.IDENTITY, "p", 4, "Last"),
        (Layer.BOUNDARY, "allows", 0, "Yes"),
    ]
    assert explanation.missing_keys == ("aws:nothing", "aws:principaltag/team", "aws:securetransport", "aws:userid")
