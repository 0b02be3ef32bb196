"""Policies of ten statements: what an evaluation costs, a parse, and a look-up of one that is remembered.

The policy has what real ones have: resources with wildcards and variables, denials with conditions of five families.
"""

import json
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address

from benchmarks.measurement import Bar, Measurement
from ferryman.policy.context import request_context
from ferryman.policy.documents import PolicyKind
from ferryman.policy.evaluation import NamedPolicy, PolicySet, Request, Verdict, evaluate, explain
from ferryman.policy.parsing import cached_policy, parse_policy

BAR = Bar("value", at_most=50)
ROUNDS = 9
CALLS = 1000
HERE = "us-east-1:123456789012"


def _statement(effect: str, actions: str | list[str], resources: str | list[str] = "*", **condition: object) -> object:
    statement: dict[str, object] = {"Effect": effect, "Action": actions, "Resource": resources}
    return statement | ({"Condition": condition} if condition else {})


STATEMENTS = [
    _statement(
        "Allow",
        "ssm:StartSession",
        ["arn:aws:ssm:*:123456789012:managed-instance/*", "arn:aws:ssm:*:*:document/SSM-SessionManagerRunShell"],
        BoolIfExists={"ssm:SessionDocumentAccessCheck": "true"},
        StringLike={"ssm:resourceTag/Finance": ["WebServers"]},
    ),
    _statement("Allow", ["ssm:DescribeSessions", "ssm:GetConnectionStatus", "ssm:DescribeInstanceInformation"]),
    _statement("Allow", ["ssm:TerminateSession", "ssm:ResumeSession"], "arn:aws:ssm:*:*:session/${aws:username}-*"),
    _statement("Allow", ["ssm:GetDocument", "ssm:ListDocuments"], f"arn:aws:ssm:{HERE}:document/SessionDocument-*"),
    _statement(
        "Deny",
        "ssm:*Document",
        f"arn:aws:ssm:{HERE}:document/SSM-*",
        StringNotEquals={"aws:PrincipalTag/team": "platform"},
    ),
    _statement("Deny", "ssm:*", NotIpAddress={"aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]}),
    _statement("Deny", ["ssm:*", "ssmmessages:*"], Bool={"aws:SecureTransport": "false"}),
    _statement("Deny", "ssm:StartSession", DateGreaterThan={"aws:CurrentTime": "2030-01-01T00:00:00Z"}),
    {
        "Effect": "Deny",
        "Action": "ssm:AddTagsToResource",
        "Resource": "*",
        "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["team", "owner"]}},
    },
    _statement(
        "Allow",
        "ssm:AddTagsToResource",
        "arn:aws:ssm:*:*:managed-instance/*",
        StringEquals={"aws:ResourceTag/owner": "${aws:username}"},
    ),
]
ENTRIES = {
    "aws:username": "alice",
    "aws:userid": "AIDAEXAMPLEEXAMPLE000",
    "aws:PrincipalArn": "arn:aws:iam::123456789012:user/alice",
    "aws:PrincipalTag/team": "platform",
    "aws:SourceIp": ip_address("192.0.2.7"),
    "aws:SecureTransport": True,
    "aws:CurrentTime": datetime(2026, 1, 1, tzinfo=UTC),
    "ssm:resourceTag/Finance": "WebServers",
}


def run() -> list[Measurement]:
    text = json.dumps({"Version": "2012-10-17", "Statement": STATEMENTS})
    kind = PolicyKind.MANAGED
    policies = PolicySet([NamedPolicy("bench", parse_policy(text, kind))])
    context = request_context(ENTRIES)
    node = f"arn:aws:ssm:{HERE}:managed-instance/mi-0123456789abcdef0"
    session = f"arn:aws:ssm:{HERE}:session/alice-0123456789abcdef0"
    start = Request("ssm:StartSession", node, context)
    terminate = Request("ssm:TerminateSession", session, context)
    refused = Request("ssm:DeleteDocument", node, context)
    assert evaluate(policies, start).allowed
    assert evaluate(policies, terminate).allowed
    assert evaluate(policies, refused).verdict is Verdict.IMPLICIT_DENY
    parsed = _microseconds(lambda: parse_policy(text, kind), CALLS // 10)
    return [
        _measured("evaluate, StartSession allowed", _microseconds(lambda: evaluate(policies, start)), BAR),
        _measured("evaluate, TerminateSession by variable", _microseconds(lambda: evaluate(policies, terminate)), BAR),
        _measured("evaluate, nothing allows", _microseconds(lambda: evaluate(policies, refused)), BAR),
        _measured("explain", _microseconds(lambda: explain(policies, terminate))),
        _measured(
            "context of 8 keys, and request", _microseconds(lambda: Request("ssm:x", node, request_context(ENTRIES)))
        ),
        _measured("parsed policy looked up", _microseconds(lambda: cached_policy(text, kind)), BAR),
        Measurement(
            "parse", parsed, "µs", "json.loads", _microseconds(lambda: json.loads(text)), note=f"{len(text)} characters"
        ),
    ]


def _microseconds(call: Callable[[], object], calls: int = CALLS) -> float:
    """Return what a call takes in the quickest of the rounds: the rest is the machine's."""
    return min(timeit.repeat(call, number=calls, repeat=ROUNDS)) / calls * 1e6


def _measured(name: str, value: float, bar: Bar | None = None) -> Measurement:
    return Measurement(name, value, "µs", bar=bar)
