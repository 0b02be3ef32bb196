"""ARN patterns match field by field."""

import pytest

from ferryman.policy.arns import EVERYTHING, read_arn_pattern, split_arn
from ferryman.policy.context import request_context
from ferryman.policy.work import Work

CONTEXT = request_context(
    {"aws:username": "alice", "aws:PrincipalTag/account": "111122223333", "aws:PrincipalTag/x": "a:b"}
)
SESSION = "arn:aws:ssm:us-east-1:111122223333:session/alice-0123456789abcdef0"


@pytest.mark.parametrize(
    ("written", "arn", "expected"),
    [
        (SESSION, SESSION, True),
        ("arn:aws:ssm:*:*:session/alice-*", SESSION, True),
        ("arn:aws:ssm:*:*:session/${aws:username}-*", SESSION, True),
        ("arn:aws:ssm:*:*:session/bob-*", SESSION, False),
        ("arn:aws:ssm:us-????-1:*:session/*", SESSION, True),
        ("arn:aws:ssm:us-east-1:11112222333:session/*", SESSION, False),
        ("arn:aws:SSM:*:*:session/*", SESSION, False),
        ("arn:aws:ssm", SESSION, True),
        ("arn:aws:ssm:us-east-1", SESSION, True),
        ("arn:aws:ssm:us-west-2", SESSION, False),
        ("arn:aws:ec2", SESSION, False),
        ("arn:aws:ssm:*:document/x", "arn:aws:ssm:us-east-1:111122223333:document/x", False),
        ("arn:aws:ssm:*:111122223333:*", "arn:aws:ssm:r:999999999999:session/x:111122223333:y", False),
        ("arn:aws:ssm:r:1:log-group:*:x", "arn:aws:ssm:r:1:log-group:a:b:x", True),
        ("arn:aws:ssm:*:*:*", "*", False),
        ("arn:aws:ssm:*:*:*", "arn:aws:ssm:r:1", False),
        ("arn:aws:ssm:*:*:session/${aws:nothing}", SESSION, None),
        ("arn:aws:ssm:*:*:document/${aws:nothing}", "arn:aws:ec2:r:1:document/x", False),
        ("arn:aws:ssm:*:${aws:PrincipalTag/account}:session/*", SESSION, True),
        ("arn:aws:ssm:${aws:PrincipalTag/x}:session/*", "arn:aws:ssm:a:b:session/1", False),
        ("arn:aws:ssm:*:*:${aws:PrincipalTag/x}", "arn:aws:ssm:r:1:a:b", True),
    ],
)
def test_patterns(written: str, arn: str, expected: bool | None) -> None:
    assert read_arn_pattern(written, variables=True).matches(split_arn(arn), CONTEXT, Work()) is expected


def test_everything_is_more_than_arns() -> None:
    assert EVERYTHING.matches(split_arn("*"), CONTEXT, Work())
    assert EVERYTHING.matches(split_arn(""), CONTEXT, Work())


def test_keys_are_those_of_variables() -> None:
    pattern = read_arn_pattern("arn:aws:ssm:*:${aws:A}:x/${aws:B, 'y'}", variables=True)
    assert pattern.keys == {"aws:a", "aws:b"}
    assert read_arn_pattern("arn:aws:ssm:*:*:${aws:A}", variables=False).keys == set()
