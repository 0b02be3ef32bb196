"""Variables: what they stand for is literal, and what stands for nothing matches nothing."""

import pytest

from ferryman.policy import patterns
from ferryman.policy.context import request_context
from ferryman.policy.errors import MalformedPolicyDocument
from ferryman.policy.templates import WILDCARD_LIMIT, Template, read_pattern
from ferryman.policy.work import Work

CONTEXT = request_context(
    {
        "aws:username": "alice",
        "aws:PrincipalTag/team": "*",
        "aws:TagKeys": ["a", "b"],
        "aws:MultiFactorAuthPresent": True,
    }
)


def fits(written: str, text: str, *, wildcards: bool = True, variables: bool = True) -> bool | None:
    made = read_pattern(written, wildcards=wildcards, variables=variables)
    segments = made.fill(CONTEXT) if isinstance(made, Template) else made
    return None if segments is None else patterns.matches(segments, text, Work())


@pytest.mark.parametrize(
    ("written", "text", "expected"),
    [
        ("${aws:username}", "alice", True),
        ("${AWS:UserName}", "alice", True),
        ("session/${aws:username}-*", "session/alice-1", True),
        ("session/${aws:username}-*", "session/alice", False),
        ("session/${aws:username}-*", "session/alicex-1", False),
        ("*${aws:username}?", "xx alice!", True),
        ("${aws:username}${aws:username}", "alicealice", True),
        ("?${aws:username}*", "xalice", True),
        ("${aws:PrincipalTag/team}", "*", True),
        ("${aws:PrincipalTag/team}", "anything", False),
        ("${aws:MultiFactorAuthPresent}", "true", True),
        ("${aws:nothing}", "", None),
        ("a*${aws:nothing}", "a", None),
        ("${aws:nothing, 'x'}", "x", True),
        ("${aws:nothing,'*'}", "y", False),
        ("${aws:nothing, ''}", "", True),
        ("${aws:username, 'x'}", "alice", True),
        ("${aws:TagKeys}", "a", None),
        ("${aws:TagKeys, 'a'}", "a", None),
        ("${*}", "*", True),
        ("${*}", "a", False),
        ("a${?}", "a?", True),
        ("a${?}", "ab", False),
        ("${$}{aws:username}", "${aws:username}", True),
        ("$5", "$5", True),
        ("$", "$", True),
    ],
)
def test_variables(written: str, text: str, expected: bool | None) -> None:
    assert fits(written, text) is expected


def test_older_documents_have_no_variables() -> None:
    assert fits("${aws:username}", "${aws:username}", variables=False)
    assert fits("${aws:*}", "${aws:any}", variables=False)
    assert fits("${", "${", variables=False)


def test_wildcards_are_literal_where_text_is_compared_whole() -> None:
    assert fits("a*?", "a*?", wildcards=False)
    assert fits("a*?", "ab!", wildcards=False) is False
    assert fits("${aws:username}*", "alice*", wildcards=False)


@pytest.mark.parametrize(
    "written",
    [
        "${",
        "${}",
        "${aws:username",
        "${username}",
        "${:x}",
        "${aws:}",
        "${aws:username, x}",
        "${aws:username 'x'}",
        "${aws:username, 'x}",
        "${aws:username, 'x''}",
        "${aws:user*}",
        "${${aws:username}}",
        "x${aws:username}${",
    ],
)
def test_an_invalid_variable_is_refused(written: str) -> None:
    with pytest.raises(MalformedPolicyDocument, match="is not a variable; write"):
        fits(written, "")


def test_wildcards_beside_variables_are_counted() -> None:
    with pytest.raises(MalformedPolicyDocument, match="wildcards"):
        fits("${aws:username}" + "?" * (WILDCARD_LIMIT + 1), "")
