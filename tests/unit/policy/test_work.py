"""What one evaluation may cost: counted, and denied when it is more."""

import itertools
import json
import string
from collections.abc import Sequence

import pytest

from ferryman.policy.context import request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import NamedPolicy, PolicySet, Request, evaluate, explain
from ferryman.policy.parsing import parse_policy
from ferryman.policy.work import EVALUATION_LIMIT, EXPLANATION_LIMIT, EvaluationTooLarge, Work

PAIRS = ["".join(pair) for pair in itertools.product(string.ascii_letters, repeat=2)]
ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TAG_KEYS = "ForAnyValue:StringLike"


def named(*statements: object, kind: PolicyKind = PolicyKind.INLINE_ROLE) -> NamedPolicy:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"))
    return NamedPolicy("policy", parse_policy(text, kind))


def denying(operator: str, values: Sequence[str]) -> NamedPolicy:
    return named(ALLOW, {**ALLOW, "Effect": "Deny", "Condition": {operator: {"aws:TagKeys": values}}})


def request(keys: Sequence[str], **entries: str) -> Request:
    return Request("ssm:RemoveTagsFromResource", "*", request_context({"aws:TagKeys": keys, **entries}))


@pytest.mark.parametrize(
    ("operator", "values", "keys"),
    [
        (TAG_KEYS, [f"*?{pair}?*" for pair in PAIRS[:230]], ["x" * 100 + str(n) for n in range(50_000)]),
        (TAG_KEYS, [f"*a?b{pair}*" for pair in PAIRS[:200]], ["a" * 128] * 50),
        (TAG_KEYS, ["*" + "?a" * 100 + f"b{pair}*" for pair in PAIRS[:30]], ["a" * 1000] * 50),
        (TAG_KEYS, [f"*{pair}*" for pair in PAIRS[:230]], ["x" * 100_000] * 8),
        ("ForAnyValue:StringEquals", ["x"], ["y"] * 100_000),
        ("ForAnyValue:StringEqualsIgnoreCase", ["x"], ["Y" * 1_000_000] * 10),
        ("ForAnyValue:NumericEquals", [str(n) for n in range(1000)], ["9999"] * 900),
        ("ForAnyValue:IpAddress", [f"10.0.{n}.0/24" for n in range(200)], ["192.0.2.1"] * 900),
        ("ForAnyValue:ArnLike", [f"arn:aws:iam::*:user/*{n}?x*" for n in range(200)], ["arn:a:b:c:d:1"] * 900),
        ("ForAnyValue:StringLike", ["${aws:username}" + pair for pair in PAIRS[:300]], ["x"] * 900),
    ],
)
def test_too_much_work_is_denied(operator: str, values: Sequence[str], keys: Sequence[str]) -> None:
    """The policy allows what its Deny does not match, so whoever gave up without a refusal would allow."""
    asked = request(keys, **{"aws:username": "alice"})
    policies = PolicySet(identity=[denying(operator, values)])
    for decide in (evaluate, explain):
        with pytest.raises(EvaluationTooLarge) as refused:
            decide(policies, asked)
        assert refused.value.code == "AccessDeniedException"
        assert str(EVALUATION_LIMIT) in refused.value.message


def test_a_deny_behind_too_much_work_is_not_skipped() -> None:
    costly = denying(TAG_KEYS, [f"*a?b{pair}*" for pair in PAIRS[:200]])
    last = named({**ALLOW, "Effect": "Deny"})
    for policies in (PolicySet([costly, last]), PolicySet([costly], last), PolicySet([costly], None, [last])):
        with pytest.raises(EvaluationTooLarge):
            evaluate(policies, request(["a" * 128] * 50))


def test_actions_and_resources_count_too() -> None:
    like = [f"ssm:{pair}*" for pair in PAIRS[:600]]
    many = PolicySet([named({**ALLOW, "Action": like})] * 100)
    with pytest.raises(EvaluationTooLarge):
        evaluate(many, request([]))
    arns = [f"arn:aws:ssm:*:*:document/{pair}*" for pair in PAIRS[:200]]
    many = PolicySet([named({**ALLOW, "Resource": arns})] * 100)
    with pytest.raises(EvaluationTooLarge):
        evaluate(many, Request("ssm:GetDocument", "arn:aws:ssm:r:1:document/0", request_context({})))


def test_ten_policies_of_full_size_are_far_below_the_limit() -> None:
    statements = [
        {
            "Effect": effect,
            "Action": [f"ssm:{pair}*" for pair in PAIRS[:20]],
            "Resource": [f"arn:aws:ssm:*:123456789012:managed-instance/{pair}-*" for pair in PAIRS[:4]],
            "Condition": {"StringLike": {f"ssm:resourceTag/{place}": ["a*", "b*"]}},
        }
        for place, effect in enumerate(("Allow", "Deny") * 4)
    ]
    policy = named(*statements, kind=PolicyKind.MANAGED)
    explained = explain(PolicySet([policy] * 10), request([f"team-{n}" for n in range(50)]))
    assert 1000 < explained.work < EXPLANATION_LIMIT / 4
    evaluate(PolicySet([policy] * 10), request([f"team-{n}" for n in range(50)]))


def test_work_is_spent_before_it_is_done() -> None:
    work = Work(10)
    work.spend(10)
    assert work.spent == 10
    with pytest.raises(EvaluationTooLarge):
        work.spend(1)
