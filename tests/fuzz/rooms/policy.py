"""IAM policies and Cedar: `ferryman.policy`."""

import json

from ferryman.policy.cedar import CedarInvalid, CedarPrincipal, check_cedar, effects, evaluate_cedar
from ferryman.policy.context import as_address, as_bytes, as_instant, as_number, as_truth, request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.errors import MalformedPolicyDocument, PolicyTooLarge
from ferryman.policy.evaluation import NamedPolicy, PolicySet, Request, explain
from ferryman.policy.offsets import statement_positions
from ferryman.policy.parsing import parse_policy
from ferryman.policy.principals import Requester
from tests.fuzz.target import KIB, Target

_CONTEXT = request_context(
    {
        "aws:username": "alice",
        "aws:SourceIp": "192.0.2.1",
        "aws:CurrentTime": "2025-01-01T00:00:00Z",
        "aws:TagKeys": ("env", "team"),
        "aws:SecureTransport": True,
        "ssm:resourceTag/env": "prod",
        "aws:MultiFactorAuthAge": 12,
    }
)
_REQUEST = Request(
    "ssm:StartSession",
    "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0123456789abcdef0",
    _CONTEXT,
    Requester(arn="arn:aws:iam::123456789012:user/alice", account_id="123456789012"),
)


def _text(data: bytes) -> str:
    """Callers' texts come out of JSON and forms, so they are text: half surrogates only."""
    return data.decode("utf-8", "replace")


def _policy(data: bytes) -> None:
    """A document of every kind; what can be parsed can be evaluated, explained and pointed into."""
    text, refused = _text(data), None
    for kind in PolicyKind:
        try:
            policy = parse_policy(text, kind)
        except (MalformedPolicyDocument, PolicyTooLarge) as error:
            refused = error
            continue
        named = NamedPolicy("p", policy)
        explain(PolicySet(resource=named) if kind.has_principals else PolicySet(identity=[named]), _REQUEST)
        assert len(statement_positions(text)) == len(policy.denying) + len(policy.allowing)
    if refused is not None:
        raise refused


def _cedar(data: bytes) -> None:
    text = _text(data)
    check_cedar(text)
    assert effects(text) <= {"permit", "forbid"}
    principal = CedarPrincipal('a"\\\n', frozenset({"g"}), {"costCenter": "1"})
    verdict = evaluate_cedar(text, principal, "mi-1", {"env": "x"})
    assert not (verdict.permitted and verdict.forbidden)


def _value(data: bytes) -> None:
    """A condition key's value, as each family of operators reads it."""
    text = _text(data)
    for read in (as_number, as_instant, as_truth, as_bytes, as_address):
        read(text)


def _document(*statements: object, version: str = "2012-10-17") -> bytes:
    return json.dumps({"Version": version, "Statement": list(statements)}).encode()


_OPERATORS = {
    "StringEquals": {"aws:username": ["${aws:username}", "bob"]},
    "StringLikeIfExists": {"ssm:resourceTag/env": "p*d?"},
    "ForAllValues:StringNotEqualsIgnoreCase": {"aws:TagKeys": ["a", "b"]},
    "ForAnyValue:StringLike": {"aws:TagKeys": "*?a?*"},
    "NumericLessThan": {"aws:MultiFactorAuthAge": "3600"},
    "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"},
    "Bool": {"aws:SecureTransport": True},
    "BinaryEquals": {"x:y": "QUJD"},
    "IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]},
    "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"},
    "Null": {"aws:TokenIssueTime": "true"},
}
_POLICIES = (
    _document(
        {
            "Sid": "A",
            "Effect": "Allow",
            "Action": ["ssm:StartSession", "ssm:*Session"],
            "Resource": ["arn:aws:ssm:*:*:managed-instance/*", "arn:aws:ssm:*:*:session/${aws:username}-*"],
            "Condition": _OPERATORS,
        },
        {"Effect": "Deny", "NotAction": "ssm:Describe*", "NotResource": "arn:aws:ssm:*:*:document/x"},
    ),
    _document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": ["123456789012", "arn:aws:iam::123456789012:user/alice"], "Federated": "x"},
            "Action": "sts:AssumeRole",
        },
        {"Effect": "Deny", "Principal": "*", "Action": "sts:*"},
    ),
    _document({"Effect": "Allow", "NotPrincipal": {"AWS": "*"}, "Action": "*", "Resource": "*"}, version="2008-10-17"),
)
_POLICY_WORDS = (
    *(f'"{name}":'.encode() for name in _OPERATORS),
    b'"ForAllValues:StringLikeIfExists":',
    b"${aws:username, 'x'}",
    b"${*}",
    b"${",
    b"*?a?*",
    b"arn:aws:ssm:::",
    b"0.0.0.0/0",
    b"\\u00ff",
)
_CEDAR = (
    b'permit(principal in AWS::IdentityStore::Group::"g", action, resource)\n'
    b'when { principal.costCenter == "1" && resource.hasTag("env") && resource.getTag("env") like "p*" };',
    b"forbid(principal, action, resource) unless { principal has costCenter };",
    b'// c\n@id("x") permit(principal == AWS::IdentityStore::User::"a", '
    b'action == AWS::SSM::Action::"getTokenForInstanceAccess", resource is AWS::SSM::ManagedInstance) '
    b'when { if context.iam.principalTags.hasTag("t") then true else ["a", "b"].contains("a") };',
)
_CEDAR_WORDS = (
    b"principal has a.a.a.a",
    b"if true then true else ",
    b" && ",
    b" || ",
    b"!",
    b"-",
    b".getTag(",
    b' like "*"',
    b'ip("1.1.1.1")',
    b'decimal("1.0")',
    b"?principal",
    b'"\\u{10ffff}"',
    b"permit(principal,action,resource);",
    b"// ",
    b"when {",
)

TARGETS = (
    Target(
        "policy.document",
        _policy,
        _POLICIES,
        (MalformedPolicyDocument, PolicyTooLarge),
        _POLICY_WORDS,
        128 * KIB,
        costly=True,
    ),
    Target("policy.cedar", _cedar, _CEDAR, (CedarInvalid,), _CEDAR_WORDS, 64 * KIB, costly=True),
    Target(
        "policy.value",
        _value,
        (b"2025-01-01T00:00:00.5+01:00", b"1700000000", b"192.0.2.1", b"::ffff:1.2.3.4", b"true", b"QUJD", b"-1.5"),
    ),
)
