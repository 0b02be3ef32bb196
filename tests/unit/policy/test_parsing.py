"""Documents: what is accepted, and that everything else is refused with its path and rule."""

import json
import sys
from typing import Any

import pytest

from ferryman.policy.documents import Effect, Policy, PolicyKind
from ferryman.policy.errors import MalformedPolicyDocument, PolicyTooLarge
from ferryman.policy.parsing import LENGTH_LIMIT, cached_policy, parse_policy

ALLOW: dict[str, Any] = {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*"}
TRUST: dict[str, Any] = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}


def document(*statements: object, version: object = "2012-10-17", **more: object) -> str:
    return json.dumps({"Version": version, "Statement": list(statements), **more})


def parse(text: str, kind: PolicyKind = PolicyKind.MANAGED) -> Policy:
    return parse_policy(text, kind)


def changed(base: dict[str, Any], **changes: object) -> dict[str, Any]:
    """The statement with other elements; None leaves one out."""
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def refusal(text: str, kind: PolicyKind = PolicyKind.MANAGED) -> tuple[str, str]:
    with pytest.raises(MalformedPolicyDocument) as raised:
        parse(text, kind)
    error = raised.value
    assert error.code == "MalformedPolicyDocument"
    assert error.rule in error.message
    assert error.path in error.message
    assert "\n" not in error.message
    assert len(error.message) < 400
    return error.path, error.rule


def test_a_policy_is_its_statements_by_effect() -> None:
    policy = parse(document(ALLOW, changed(ALLOW, Effect="Deny", Sid="No"), changed(ALLOW, Sid="")))
    assert policy.version == "2012-10-17"
    assert [(each.index, each.sid, each.effect) for each in policy.denying] == [(1, "No", Effect.DENY)]
    assert [each.index for each in policy.allowing] == [0, 2]


def test_equal_documents_are_equal_policies() -> None:
    text = document(
        changed(ALLOW, Condition={"StringLike": {"aws:x": ["a*", "${aws:username}"]}, "Bool": {"aws:y": True}})
    )
    assert parse(text) == parse(text)
    assert hash(parse(text)) == hash(parse(text))
    assert cached_policy(text, PolicyKind.MANAGED) is cached_policy(text, PolicyKind.MANAGED)
    assert cached_policy(text, PolicyKind.SESSION).kind is PolicyKind.SESSION


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Statement": ALLOW}),
        document(ALLOW, version="2008-10-17"),
        document(changed(ALLOW, Action=["*"])),
        document(changed(ALLOW, Action="*:*")),
        document(changed(ALLOW, Action="SSM:start*")),
        document(changed(ALLOW, Action=None, NotAction=["iam:?et*", "sts:*"])),
        document(changed(ALLOW, Resource=None, NotResource="arn:aws:ssm:*:*:document/*")),
        document(changed(ALLOW, Resource="arn:aws:ssm")),
        document(changed(ALLOW, Resource="arn:aws*:ssm:us-????-1:*:*")),
        document(changed(ALLOW, Resource="arn:aws:s3:::bucket/${aws:username, 'x'}/*")),
        document(changed(ALLOW, Condition={})),
        document(changed(ALLOW, Condition={"NumericLessThan": {"aws:x": [1, 2.5, "3"]}})),
        document(changed(ALLOW, Condition={"StringEquals": {"aws:x": [True, 7, "é", "\u20ac"]}})),
        document(changed(ALLOW, Condition={"StringEquals": {"aws:x": []}})),
        document(changed(ALLOW, Condition={"Bool": {"id.example.com/a:aud": "true"}})),
        document(ALLOW, version="2012-10-17") + " \r\n\t",
    ],
)
def test_accepted(text: str) -> None:
    parse(text)


@pytest.mark.parametrize(
    ("text", "path", "rule"),
    [
        ("", "", "it is not JSON: Expecting value in line 1, column 1"),
        ("{", "", "it is not JSON"),
        ("null", "", "must be an object"),
        ("[]", "", "must be an object"),
        ('"x"', "", "must be an object"),
        ("{} {}", "", "it is not JSON"),
        ('{"Statement": [NaN]}', "", "NaN is not a number"),
        ('{"Statement": -Infinity}', "", "-Infinity is not a number"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "", "an object has 'Version' twice"),
        ('{"Statement": {"Effect": "Deny", "Effect": "Allow"}}', "", "an object has 'Effect' twice"),
        ('{"a": "\\ud800"}', "", "half a character"),
        ('{"a": "\u20ac"}', "", "printable characters up to U+00FF"),
        ('{"a": "\x07"}', "", "printable characters"),
        ("{}", "Statement", "at least one"),
        (document(), "Statement", "at least one"),
        (document(ALLOW, version="2012-10-18"), "Version", "'2012-10-18' is not 2012-10-17 or"),
        (document(ALLOW, version=20121017), "Version", "is not"),
        (document(ALLOW, version=None), "Version", "None is not"),
        (document(ALLOW, version=["2012-10-17"]), "Version", "is not"),
        (document(ALLOW, Id="x"), "Id", "only resource and trust policies"),
        (document(ALLOW, statement=[]), "", "the element 'statement' does not exist"),
        (document("x"), "Statement[0]", "must be an object"),
        (document([]), "Statement[0]", "must be an object"),
        (json.dumps({"Statement": None}), "Statement[0]", "must be an object"),
        (document(ALLOW, changed(ALLOW, effect="Deny")), "Statement[1]", "the element 'effect' does not exist"),
        (document(changed(ALLOW, Effect=None)), "Statement[0].Effect", "must be Allow or Deny"),
        (document(changed(ALLOW, Effect="allow")), "Statement[0].Effect", "must be Allow or Deny"),
        (document(changed(ALLOW, Effect=["Allow"])), "Statement[0].Effect", "must be Allow or Deny"),
        (document(changed(ALLOW, Sid="a-b")), "Statement[0].Sid", "'a-b' is not made of"),
        (document(changed(ALLOW, Sid=5)), "Statement[0].Sid", "is not made of"),
        (document(changed(ALLOW, Sid="é")), "Statement[0].Sid", "is not made of"),
        (
            document(changed(ALLOW, Sid="A"), changed(ALLOW, Sid="A")),
            "Statement[1].Sid",
            "'A' is used by another statement",
        ),
        (document(changed(ALLOW, Action=None)), "Statement[0]", "must have Action or NotAction"),
        (document(changed(ALLOW, NotAction="x:y")), "Statement[0]", "Action or NotAction, one of them"),
        (document(changed(ALLOW, Action=[])), "Statement[0].Action", "at least one value"),
        (document(changed(ALLOW, Action=["a:b", 5])), "Statement[0].Action[1]", "must be a string"),
        (document(changed(ALLOW, Action={})), "Statement[0].Action[0]", "must be a string"),
        (document(changed(ALLOW, Action=True)), "Statement[0].Action[0]", "must be a string"),
        (document(changed(ALLOW, Action=["a:b", "StartSession"])), "Statement[0].Action[1]", "is not an action; write"),
        (document(changed(ALLOW, Action="ssm*:x")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="*:x")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="ssm:x:y")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="ssm:")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="ssm:\u212ay")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="ssm:x\n")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="ssm:${aws:x}")), "Statement[0].Action[0]", "is not an action"),
        (document(changed(ALLOW, Action="ssm:" + "?" * 129)), "Statement[0].Action[0]", "at most 128 wildcards"),
        (document(changed(ALLOW, Resource=None)), "Statement[0]", "must have Resource or NotResource"),
        (document(changed(ALLOW, NotResource="*")), "Statement[0]", "Resource or NotResource, one of them"),
        (document(changed(ALLOW, Resource=[])), "Statement[0].Resource", "at least one value"),
        (document(changed(ALLOW, Resource="x")), "Statement[0].Resource[0]", "'x' is neither * nor an ARN"),
        (document(changed(ALLOW, Resource="**")), "Statement[0].Resource[0]", "neither * nor an ARN"),
        (document(changed(ALLOW, Resource="arn")), "Statement[0].Resource[0]", "neither * nor an ARN"),
        (document(changed(ALLOW, Resource="arn:")), "Statement[0].Resource[0]", "neither * nor an ARN"),
        (document(changed(ALLOW, Resource="arn:aws::r:1:x")), "Statement[0].Resource[0]", "neither * nor an ARN"),
        (document(changed(ALLOW, Resource="arn:aws:*:r:1:x")), "Statement[0].Resource[0]", "without wildcards"),
        (document(changed(ALLOW, Resource="arn:aws:ssm:${aws:x}:1:y")), "Statement[0].Resource[0]", "after its fifth"),
        (
            document(changed(ALLOW, Resource="arn:aws:ssm:r:1:${x}")),
            "Statement[0].Resource[0]",
            "is not a variable",
        ),
        (document(changed(ALLOW, Principal="*")), "Statement[0].Principal", "a managed policy is about the identity"),
        (document(changed(ALLOW, NotPrincipal="*")), "Statement[0].NotPrincipal", "about the identity"),
        (document(changed(ALLOW, Condition=[])), "Statement[0].Condition", "an object of operators"),
        (document(changed(ALLOW, Condition={"Bool": {}})), "Statement[0].Condition.Bool", "at least one"),
        (document(changed(ALLOW, Condition={"Bool": "true"})), "Statement[0].Condition.Bool", "at least one"),
        (
            document(changed(ALLOW, Condition={"Is": {"a:b": "c"}})),
            "Statement[0].Condition.Is.a:b",
            "the condition operator",
        ),
        (
            document(changed(ALLOW, Condition={"StringLike": {"username": "c"}})),
            "Statement[0].Condition.StringLike",
            "'username' is not a condition key",
        ),
        (
            document(changed(ALLOW, Condition={"StringLike": {"aws:RequestTag/*": "c"}})),
            "Statement[0].Condition.StringLike",
            "without wildcards",
        ),
        (
            document(changed(ALLOW, Condition={"StringLike": {"a:b": ["c", None]}})),
            "Statement[0].Condition.StringLike.a:b[1]",
            "must be a string, a number, true or false",
        ),
        (
            document(changed(ALLOW, Condition={"StringLike": {"a:b": [["c"]]}})),
            "Statement[0].Condition.StringLike.a:b[0]",
            "must be a string",
        ),
    ],
)
def test_refused(text: str, path: str, rule: str) -> None:
    found_path, found_rule = refusal(text)
    assert found_path == path
    assert rule in found_rule


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (TRUST, PolicyKind.TRUST),
        (changed(TRUST, Action="sts:*"), PolicyKind.TRUST),
        (changed(TRUST, Principal="*"), PolicyKind.TRUST),
        (changed(TRUST, Principal={"Federated": "id.example.com", "Service": ["ssm.amazonaws.com"]}), PolicyKind.TRUST),
        (changed(TRUST, Effect="Deny", Principal=None, NotPrincipal={"AWS": "111122223333"}), PolicyKind.TRUST),
        (changed(TRUST, Resource="*"), PolicyKind.RESOURCE),
        (changed(ALLOW, Principal="*"), PolicyKind.RESOURCE),
    ],
)
def test_trust_and_resource_policies(statement: dict[str, Any], kind: PolicyKind) -> None:
    parse(document(statement, Id="any text"), kind)


@pytest.mark.parametrize(
    ("statement", "path", "rule"),
    [
        (changed(TRUST, Principal=None), "Statement[0]", "must have Principal or NotPrincipal"),
        (changed(TRUST, NotPrincipal="*"), "Statement[0]", "one of them"),
        (changed(TRUST, Principal=None, NotPrincipal="*"), "Statement[0].NotPrincipal", "only a Deny"),
        (changed(TRUST, Principal={}), "Statement[0].Principal", "must be * or an object"),
        (changed(TRUST, Principal="111122223333"), "Statement[0].Principal", "must be * or an object"),
        (changed(TRUST, Principal={"AWS": []}), "Statement[0].Principal.AWS", "at least one value"),
        (changed(TRUST, Principal={"AWS": 111122223333}), "Statement[0].Principal.AWS[0]", "must be a string"),
        (changed(TRUST, Principal={"AWS": ["*", "x"]}), "Statement[0].Principal.AWS[1]", "names no principal"),
        (
            changed(TRUST, Principal={"Everyone": "*"}),
            "Statement[0].Principal.Everyone",
            "principals are AWS, Federated",
        ),
        (changed(TRUST, Resource="*"), "Statement[0].Resource", "names no resource"),
        (changed(TRUST, Action="*"), "Statement[0].Action[0]", "actions of sts only"),
        (changed(TRUST, Action="ssm:StartSession"), "Statement[0].Action[0]", "actions of sts only"),
    ],
)
def test_refused_of_trust_policies(statement: dict[str, Any], path: str, rule: str) -> None:
    found_path, found_rule = refusal(document(statement), PolicyKind.TRUST)
    assert found_path == path
    assert rule in found_rule


@pytest.mark.parametrize("kind", PolicyKind)
def test_size_is_counted_without_white_space(kind: PolicyKind) -> None:
    statement = changed(TRUST if kind.has_principals else ALLOW, Resource=None if kind is PolicyKind.TRUST else "*")
    action = "sts:x"
    bare = len(document(changed(statement, Action=[action])).replace(" ", ""))
    names = [action]
    while bare + 8 <= kind.limit:
        names.append(action)
        bare += 8
    names[-1] += "x" * (kind.limit - bare)
    text = document(changed(statement, Action=names))
    parse(text + " \n" * 1000, kind)
    with pytest.raises(PolicyTooLarge) as raised:
        parse(text.replace("sts:xx", "sts:xxx", 1) if "sts:xx" in text else text.replace("sts:x", "sts:xx", 1), kind)
    assert (raised.value.size, raised.value.limit) == (kind.limit + 1, kind.limit)
    assert (raised.value.code, raised.value.status) == ("LimitExceeded", 409)


def test_white_space_has_a_limit_of_its_own() -> None:
    with pytest.raises(PolicyTooLarge):
        parse(document(ALLOW) + " " * LENGTH_LIMIT)


@pytest.mark.parametrize(
    "text", ["[" * 5000 + "]" * 5000, "[" * 10000, '{"a":' * 1700 + "1" + "}" * 1700, '{"Statement":[' * 700]
)
def test_nesting_without_end_is_refused(text: str) -> None:
    cause = refusal(text, PolicyKind.INLINE_ROLE)[1]
    # From 3.12 on, Python reads such a text to its end, and something else is wrong with it.
    assert "deeper than any policy" in cause or sys.version_info >= (3, 12)


@pytest.mark.parametrize("element", ["Action", "Resource", "Effect", "Sid", "Condition"])
def test_nesting_below_that_is_refused_where_it_begins(element: str) -> None:
    nested: object = "x"
    for _ in range(100):
        nested = [nested]
    assert refusal(document(changed(ALLOW, **{element: nested})))[0].startswith(f"Statement[0].{element}")


def test_long_values_are_cut_in_errors() -> None:
    refusal(document(changed(ALLOW, Action="x" * 5000)))
    refusal(document(changed(ALLOW, Sid="-" * 5000)))


def test_long_paths_are_cut_in_errors() -> None:
    with pytest.raises(MalformedPolicyDocument) as raised:
        parse(document(changed(ALLOW, Condition={"Bool": {"aws:" + "x" * 5000: "maybe"}})))
    assert len(raised.value.message) < 400
    assert "\n" not in refusal(document(changed(ALLOW, Condition={"a\nb": {"a:b": "x"}})))[0]
    assert "\n" not in refusal(document(changed(ALLOW, Condition={"Bool": {"a:\nb": "x"}})))[0]


def test_numbers_are_taken_as_they_are_written() -> None:
    text = '{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"a:b":1.50}}}}'
    same = text.replace("1.50", '"1.50"')
    assert parse(text) == parse(same)
    digits = "9" * 5000
    refusal(text.replace("StringEquals", "NumericEquals").replace("1.50", digits))
