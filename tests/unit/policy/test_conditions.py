"""Each operator: what matches, what does not, what a missing key does, and several values."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from ferryman.policy.conditions import OPERATORS, read_condition
from ferryman.policy.context import Value, request_context
from ferryman.policy.errors import MalformedPolicyDocument
from ferryman.policy.work import Work

ARN = "arn:aws:iam::111122223333:user/alice"


def holds(
    operator: str,
    values: str | list[str],
    given: Value | Sequence[Value] | None,
    *,
    allowing: bool = True,
    **more: Value,
) -> bool:
    """`given` is what the request has for the key; None leaves it out."""
    entries: dict[str, Value | Sequence[Value]] = {f"aws:{key}": value for key, value in more.items()}
    if given is not None:
        entries["x:Key"] = given
    listed = [values] if isinstance(values, str) else values
    condition = read_condition(operator, "X:kEY", listed, variables=True)
    return condition.holds(request_context(entries), Work(), allowing=allowing)


MATCHING: list[tuple[str, str | list[str], Value, Value]] = [
    ("StringEquals", "a*", "a*", "ab"),
    ("StringEquals", ["a", "b"], "b", "B"),
    ("StringEquals", "true", True, False),
    ("StringEquals", "${aws:username}", "alice", "bob"),
    ("StringEquals", "${*}", "*", "a"),
    ("StringEqualsIgnoreCase", "AbC", "aBc", "abcd"),
    ("StringEqualsIgnoreCase", "${aws:username}", "ALICE", "bob"),
    ("StringLike", "a*c?", "abbc!", "abbc"),
    ("StringLike", ["x", "a*"], "ab", "Ab"),
    ("StringLike", "${aws:username}-*", "alice-1", "bob-1"),
    ("NumericEquals", "10", "10.0", "11"),
    ("NumericEquals", "0.1", "0.10", "1"),
    ("NumericLessThan", "10", 9, 10),
    ("NumericLessThanEquals", "10", 10, 11),
    ("NumericGreaterThan", "10", "10.5", "10"),
    ("NumericGreaterThanEquals", "10", "10", "9.99"),
    ("NumericLessThan", ["1", "10"], 5, 10),
    ("NumericGreaterThan", "0", 1, "many"),
    ("DateEquals", "2030-01-01T00:00:00Z", "2030-01-01", "2030-01-02"),
    ("DateLessThan", "2030-01-01", datetime(2029, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)),
    ("DateLessThanEquals", "2030-01-01", "2030-01-01", "2030-01-01T00:00:01Z"),
    ("DateGreaterThan", "2030-01-01", "2030-01-01T00:00:01Z", "2030-01-01"),
    ("DateGreaterThanEquals", "1893456000", "2030-01-01", "2029-12-31"),
    ("DateLessThan", "2030-01-01", "2029", "never"),
    ("Bool", "true", "True", "no"),
    ("Bool", "false", False, True),
    ("BinaryEquals", "AP8=", b"\x00\xff", b"\x00"),
    ("BinaryEquals", "AP8=", "AP8=", "AP8"),
    ("IpAddress", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
    ("IpAddress", "192.0.2.7/24", "192.0.2.1", "192.0.3.7"),
    ("IpAddress", "192.0.2.7", "192.0.2.7", "192.0.2.8"),
    ("IpAddress", "192.0.2.7", "::ffff:192.0.2.7", "::192.0.2.7"),
    ("IpAddress", ["192.0.2.0/24", "2001:db8::/32"], "2001:DB8:1::", "2001:db9::"),
    ("IpAddress", "0.0.0.0/0", "198.51.100.1", "::1"),
    ("IpAddress", "::/0", "::1", "unknown"),
    ("ArnEquals", "arn:aws:iam::*:user/${aws:username}", ARN, "arn:aws:iam::111122223333:user/bob"),
    ("ArnLike", "arn:aws:iam::111122223333:*", ARN, "arn:aws:iam::1:x:111122223333:y"),
    ("ArnLike", "${aws:arn}", ARN, "arn:aws:iam::111122223333:user/alice2"),
    ("ArnLike", ["arn:aws:s3:::x", "arn:aws:iam::*:user/a*"], ARN, "arn:aws:s3:::y"),
]
NEGATIONS = {
    "StringEquals": "StringNotEquals",
    "StringEqualsIgnoreCase": "StringNotEqualsIgnoreCase",
    "StringLike": "StringNotLike",
    "NumericEquals": "NumericNotEquals",
    "DateEquals": "DateNotEquals",
    "IpAddress": "NotIpAddress",
    "ArnEquals": "ArnNotEquals",
    "ArnLike": "ArnNotLike",
}


@pytest.mark.parametrize(("operator", "values", "matching", "other"), MATCHING)
def test_operators(operator: str, values: str | list[str], matching: Value, other: Value) -> None:
    assert holds(operator, values, matching, username="alice", arn=ARN)
    assert not holds(operator, values, other, username="alice", arn=ARN)
    if operator in NEGATIONS:
        assert not holds(NEGATIONS[operator], values, matching, username="alice", arn=ARN)
        assert holds(NEGATIONS[operator], values, other, username="alice", arn=ARN)


def test_every_operator_is_tested() -> None:
    assert {row[0] for row in MATCHING} | set(NEGATIONS.values()) | {"Null"} == set(OPERATORS)


VALUES = {"Numeric": "1", "Date": "2030-01-01", "Bool": "true", "Binary": "AA==", "Ip": "::1", "NotIp": "::1"}
VALUES |= {"Arn": "arn:aws:s3:::x", "String": "x"}


@pytest.mark.parametrize("operator", sorted(set(OPERATORS) - {"Null"}))
def test_a_missing_key(operator: str) -> None:
    value = next(value for prefix, value in VALUES.items() if operator.startswith(prefix))
    negated = "Not" in operator
    missing: tuple[list[Value] | None, ...] = (None, [])
    for given in missing:
        assert holds(operator, value, given) is negated
        assert holds(f"{operator}IfExists", value, given)
        assert holds(f"ForAllValues:{operator}", value, given)
        assert not holds(f"ForAnyValue:{operator}", value, given)
        assert holds(f"ForAnyValue:{operator}IfExists", value, given)


@pytest.mark.parametrize(
    ("value", "given", "expected"),
    [("true", None, True), ("true", "", False), ("false", None, False), ("false", "x", True), ("true", [], True)],
)
def test_null(value: str, given: Value | None, expected: bool) -> None:
    assert holds("Null", value, given) is expected


@pytest.mark.parametrize(
    ("operator", "values", "given", "expected"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "b"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "b"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "d"], True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ["c", "a"], False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["c", "a"], True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ["b", "a"], False),
        ("StringEquals", ["a"], ["b", "a"], True),
        ("StringEquals", ["a"], ["b", "c"], False),
        ("StringNotEquals", ["a"], ["b", "a"], False),
        ("StringNotEquals", ["a"], ["b", "c"], True),
        ("ForAllValues:NumericLessThan", ["10"], [1, 9], True),
        ("ForAllValues:NumericLessThan", ["10"], [1, 10], False),
        ("ForAnyValue:IpAddress", ["192.0.2.0/24"], ["198.51.100.1", "192.0.2.1"], True),
        ("ForAllValues:StringLike", ["${aws:username}-*"], ["alice-1", "alice-2"], True),
        ("ForAllValues:StringLikeIfExists", ["a*"], ["ab", "b"], False),
    ],
)
def test_several_values(operator: str, values: list[str], given: list[Value], expected: bool) -> None:
    assert holds(operator, values, given, username="alice") is expected


@pytest.mark.parametrize("operator", ["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"])
def test_a_variable_that_stands_for_nothing_allows_nothing(operator: str) -> None:
    value = "arn:aws:iam::1:${aws:nothing}" if operator.startswith("Arn") else "${aws:nothing}"
    for values in (value, [value, "arn:aws:s3:::y"]):
        assert not holds(operator, values, "arn:aws:s3:::x")
        assert not holds(NEGATIONS[operator], values, "arn:aws:s3:::x")
        assert not holds(NEGATIONS[operator], "${aws:nothing}", "arn:aws:s3:::x")
        assert not holds(operator, values, "arn:aws:s3:::x", allowing=False)
        assert holds(NEGATIONS[operator], values, "arn:aws:s3:::x", allowing=False)
    assert holds(operator, [value, "arn:aws:s3:::y"], "arn:aws:s3:::y")


def test_an_irrelevant_variable_is_ignored() -> None:
    assert holds("StringNotEqualsIfExists", "${aws:nothing}", None)
    assert holds("StringNotEquals", "${aws:nothing, 'x'}", "y")


@pytest.mark.parametrize(
    ("operator", "value", "rule"),
    [
        ("stringEquals", "x", "the condition operator 'stringEquals' does not exist"),
        ("StringMatches", "x", "the condition operator"),
        ("StringLikeIgnoreCase", "x", "the condition operator"),
        ("StringEqualsIfExistsIfExists", "x", "the condition operator"),
        ("ForSomeValues:StringEquals", "x", "the condition operator"),
        (":StringEquals", "x", "the condition operator"),
        ("ForAllValues:ForAnyValue:StringEquals", "x", "the condition operator"),
        ("ForAllValues:", "x", "the condition operator"),
        ("IfExists", "x", "the condition operator"),
        ("", "x", "the condition operator"),
        ("NullIfExists", "true", "Null takes neither"),
        ("ForAnyValue:Null", "true", "Null takes neither"),
        ("Null", "maybe", "'maybe' is not a boolean"),
        ("Bool", "yes", "'yes' is not a boolean"),
        ("Bool", "${aws:SecureTransport}", "Bool takes no variables"),
        ("NumericEquals", "ten", "'ten' is not a number"),
        ("NumericEquals", "1e3", "'1e3' is not a number"),
        ("NumericLessThan", "${aws:EpochTime}", "NumericLessThan takes no variables"),
        ("DateLessThan", "tomorrow", "'tomorrow' is not a time"),
        ("DateLessThan", "2030-13-01", "is not a time"),
        ("BinaryEquals", "?", "'?' is not base64"),
        ("IpAddress", "192.0.2", "'192.0.2' is not an IP address"),
        ("IpAddress", "192.0.2.0/33", "is not an IP address"),
        ("IpAddress", "192.0.2.0/0.0.0.0", "is not an IP address"),
        ("IpAddress", "192.0.2.*", "is not an IP address"),
        ("NotIpAddress", "", "is not an IP address"),
        ("ArnLike", "s3:::x", "'s3:::x' is not an ARN"),
        ("ArnLike", "x${aws:username}", "is not an ARN"),
        ("StringEquals", "${aws:username", "is not a variable"),
    ],
)
def test_what_cannot_be_compared_is_refused(operator: str, value: str, rule: str) -> None:
    with pytest.raises(MalformedPolicyDocument) as raised:
        read_condition(operator, "aws:x", [value], variables=True)
    assert rule in raised.value.rule


def test_older_documents_compare_variables_as_text() -> None:
    condition = read_condition("StringEquals", "x:key", ["${aws:username}"], variables=False)
    assert condition.holds(request_context({"x:key": "${aws:username}"}), Work(), allowing=True)
    assert condition.keys == {"x:key"}


def test_keys_are_the_conditions_and_its_variables() -> None:
    condition = read_condition("ArnLike", "X:Key", ["arn:aws:s3:::${aws:A}", "${aws:B}", "*"], variables=True)
    assert condition.keys == {"x:key", "aws:a", "aws:b"}
    assert read_condition("StringLike", "x:key", ["${aws:A}"], variables=True).keys == {"x:key", "aws:a"}


def test_no_values_match_nothing() -> None:
    assert not holds("StringEquals", [], "x")
    assert not holds("Null", [], None)
    assert holds("StringNotEquals", [], "x")
