"""Every constraint of every member of the session operations, broken one at a time and all at once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import Shape

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, parse
from ferryman.awsapi.models import operation_model, service_model
from ferryman.awsapi.validation import validate
from ferryman.model.errors import ServiceError

NODE = "mi-0123456789abcdef0"
VALID: dict[str, dict[str, Any]] = {
    "StartSession": {
        "Target": NODE,
        "DocumentName": "SSM-SessionManagerRunShell",
        "Reason": "why",
        "Parameters": {"portNumber": ["22"]},
    },
    "ResumeSession": {"SessionId": "alice-0123456789abcdef0"},
    "TerminateSession": {"SessionId": "alice-0123456789abcdef0"},
    "GetConnectionStatus": {"Target": NODE},
    "DescribeSessions": {
        "State": "Active",
        "MaxResults": 50,
        "NextToken": "t",
        "Filters": [{"key": "Target", "value": NODE}, {"key": "Owner", "value": "o"}],
    },
}
NULL = "Member must not be null"


def at_most(limit: int, quantity: str = "length") -> str:
    return f"Member must have {quantity} less than or equal to {limit}"


def at_least(limit: int, quantity: str = "length") -> str:
    return f"Member must have {quantity} greater than or equal to {limit}"


def like(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def one_of(*values: str) -> str:
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


REASON = like("^.{1,256}$")
DOCUMENT = like(r"^[a-zA-Z0-9_\-.:/]{3,128}$")
KEYS = f"Map keys must satisfy constraint: [{at_most(255)}, {at_least(1)}]"
VALUES = (
    f"Map value must satisfy constraint: [{NULL}, Member must satisfy constraint: [{at_most(65535)}, {at_least(1)}]]"
)
FILTERS = [{"key": "Target", "value": "x"}] * 7

# operation, members to replace, [(member path, value shown, constraint)]
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("StartSession", {"Target": None}, [("target", "null", NULL)]),
    ("StartSession", {"Target": ""}, [("target", "''", at_least(1))]),
    ("StartSession", {"Target": "x" * 401}, [("target", f"'{'x' * 401}'", at_most(400))]),
    ("StartSession", {"DocumentName": ""}, [("documentName", "''", DOCUMENT)]),
    ("StartSession", {"DocumentName": "ab"}, [("documentName", "'ab'", DOCUMENT)]),
    ("StartSession", {"DocumentName": "x" * 129}, [("documentName", f"'{'x' * 129}'", DOCUMENT)]),
    ("StartSession", {"DocumentName": "a b c"}, [("documentName", "'a b c'", DOCUMENT)]),
    ("StartSession", {"DocumentName": "Größe"}, [("documentName", "'Größe'", DOCUMENT)]),
    ("StartSession", {"DocumentName": "abc\n"}, [("documentName", "'abc\n'", DOCUMENT)]),
    ("StartSession", {"Reason": ""}, [("reason", "''", at_least(1)), ("reason", "''", REASON)]),
    (
        "StartSession",
        {"Reason": "x" * 257},
        [("reason", f"'{'x' * 257}'", at_most(256)), ("reason", f"'{'x' * 257}'", REASON)],
    ),
    ("StartSession", {"Reason": "two\nlines"}, [("reason", "'two\nlines'", REASON)]),
    ("StartSession", {"Parameters": {"": ["a"]}}, [("parameters", "'{=[a]}'", KEYS)]),
    ("StartSession", {"Parameters": {"k" * 256: []}}, [("parameters", f"'{{{'k' * 256}=[]}}'", KEYS)]),
    ("StartSession", {"Parameters": {"k": ["a", ""]}}, [("parameters", "'{k=[a, ]}'", VALUES)]),
    (
        "StartSession",
        {"Parameters": {"k": ["x" * 65536]}},
        [("parameters", "'{k=[" + "x" * (2048 - 4) + "…'", VALUES)],
    ),
    ("StartSession", {"Parameters": {"k": [None]}}, [("parameters", "'{k=[null]}'", VALUES)]),
    ("StartSession", {"Parameters": {"k": None}}, [("parameters.k.member", "null", NULL)]),
    ("ResumeSession", {"SessionId": None}, [("sessionId", "null", NULL)]),
    ("ResumeSession", {"SessionId": ""}, [("sessionId", "''", at_least(1))]),
    ("ResumeSession", {"SessionId": "x" * 97}, [("sessionId", f"'{'x' * 97}'", at_most(96))]),
    ("TerminateSession", {"SessionId": None}, [("sessionId", "null", NULL)]),
    ("TerminateSession", {"SessionId": ""}, [("sessionId", "''", at_least(1))]),
    ("TerminateSession", {"SessionId": "x" * 97}, [("sessionId", f"'{'x' * 97}'", at_most(96))]),
    ("GetConnectionStatus", {"Target": None}, [("target", "null", NULL)]),
    ("GetConnectionStatus", {"Target": ""}, [("target", "''", at_least(1))]),
    ("GetConnectionStatus", {"Target": "x" * 401}, [("target", f"'{'x' * 401}'", at_most(400))]),
    ("DescribeSessions", {"State": None}, [("state", "null", NULL)]),
    ("DescribeSessions", {"State": "active"}, [("state", "'active'", one_of("Active", "History"))]),
    ("DescribeSessions", {"State": ""}, [("state", "''", one_of("Active", "History"))]),
    ("DescribeSessions", {"MaxResults": 0}, [("maxResults", "'0'", at_least(1, "value"))]),
    ("DescribeSessions", {"MaxResults": -5}, [("maxResults", "'-5'", at_least(1, "value"))]),
    ("DescribeSessions", {"MaxResults": 201}, [("maxResults", "'201'", at_most(200, "value"))]),
    ("DescribeSessions", {"MaxResults": 10**30}, [("maxResults", f"'{10**30}'", at_most(200, "value"))]),
    ("DescribeSessions", {"Filters": []}, [("filters", "'[]'", at_least(1))]),
    (
        "DescribeSessions",
        {"Filters": FILTERS},
        [("filters", f"'[{', '.join(['SessionFilter(key=Target, value=x)'] * 7)}]'", at_most(6))],
    ),
    ("DescribeSessions", {"Filters": [None]}, [("filters.1.member", "null", NULL)]),
    ("DescribeSessions", {"Filters": [FILTERS[0], {"value": "x"}]}, [("filters.2.member.key", "null", NULL)]),
    ("DescribeSessions", {"Filters": [{"key": "Owner"}]}, [("filters.1.member.value", "null", NULL)]),
    ("DescribeSessions", {"Filters": [{"key": "Owner", "value": ""}]}, [("filters.1.member.value", "''", at_least(1))]),
    (
        "DescribeSessions",
        {"Filters": [{"key": "Owner", "value": "x" * 401}]},
        [("filters.1.member.value", f"'{'x' * 401}'", at_most(400))],
    ),
]

# What is just inside every limit.
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("StartSession", {"DocumentName": None, "Reason": None, "Parameters": None}),
    ("StartSession", {"Target": "x", "DocumentName": "a-b", "Reason": "x", "Parameters": {}}),
    ("StartSession", {"Target": "x" * 400, "DocumentName": "arn:aws:ssm:r:1:document/_.", "Reason": "é" * 256}),
    ("StartSession", {"DocumentName": "x" * 128, "Parameters": {"k" * 255: ["x" * 65535, "y"], "l": []}}),
    ("ResumeSession", {"SessionId": "x" * 96}),
    ("TerminateSession", {"SessionId": "x"}),
    ("GetConnectionStatus", {"Target": "x" * 400}),
    ("DescribeSessions", {"State": "History", "MaxResults": 1, "NextToken": "", "Filters": FILTERS[:6]}),
    ("DescribeSessions", {"MaxResults": 200, "NextToken": None, "Filters": None}),
    ("DescribeSessions", {"Filters": [{"key": "Unknown", "value": "x"}]}),  # core's InvalidFilterKey
]


def parsed(operation: str, changes: dict[str, Any]) -> dict[str, Any]:
    body = json.dumps({**VALID[operation], **changes}).encode()
    return parse(ApiCall("ssm", operation, ApiProtocol.JSON), body)


@pytest.mark.parametrize(("operation", "changes", "violations"), CASES)
def test_broken_constraint(operation: str, changes: dict[str, Any], violations: list[tuple[str, str, str]]) -> None:
    with pytest.raises(ServiceError) as raised:
        parsed(operation, changes)
    assert (raised.value.code, raised.value.status) == ("ValidationException", 400)
    head, _, rest = raised.value.message.partition(": ")
    count = len(violations)
    assert head == f"{count} validation error{'s' if count > 1 else ''} detected"
    assert rest == "; ".join(
        f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"
        for path, shown, constraint in violations
    )


@pytest.mark.parametrize(("operation", "changes"), ACCEPTED)
def test_limits_are_inclusive(operation: str, changes: dict[str, Any]) -> None:
    given = {**VALID[operation], **changes}
    assert parsed(operation, changes) == {name: value for name, value in given.items() if value is not None}


@pytest.mark.parametrize("operation", VALID)
def test_all_mistakes_are_reported_together(operation: str) -> None:
    """Break each member once, all in one request: the message lists each."""
    changes: dict[str, Any] = {}
    expected: list[tuple[str, str, str]] = []
    for name, broken, violations in CASES:
        if name == operation and not changes.keys() & broken.keys():
            changes |= broken
            expected += violations
    with pytest.raises(ServiceError) as raised:
        parsed(operation, changes)
    assert raised.value.message.startswith(f"{len(expected)} validation error")
    for path, shown, constraint in expected:
        assert f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}" in raised.value.message


def constraints(shape: Shape, path: str, required: bool) -> Iterator[tuple[str, str]]:
    """Every (path, kind of constraint) of the model, numbers in paths left out."""
    if required:
        yield path, "required"
    yield from ((path, kind) for kind in ("min", "max", "pattern", "enum") if shape.metadata.get(kind) is not None)
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            inside = f"{path}.{name}" if path else name
            yield from constraints(member, inside, name in shape.required_members)
    elif shape.type_name == "list":
        yield from constraints(shape.member, path + "[]", False)
    elif shape.type_name == "map":
        yield from constraints(shape.key, path + "{key}", False)
        yield from constraints(shape.value, path + "{}", False)


COVERED = {
    "StartSession": {
        *(("Target", kind) for kind in ("required", "min", "max")),
        ("DocumentName", "pattern"),
        *(("Reason", kind) for kind in ("min", "max", "pattern")),
        *(("Parameters{key}", kind) for kind in ("min", "max")),
        *(("Parameters{}[]", kind) for kind in ("min", "max")),
    },
    "ResumeSession": {("SessionId", kind) for kind in ("required", "min", "max")},
    "TerminateSession": {("SessionId", kind) for kind in ("required", "min", "max")},
    "GetConnectionStatus": {("Target", kind) for kind in ("required", "min", "max")},
    "DescribeSessions": {
        *(("State", kind) for kind in ("required", "enum")),
        *(("MaxResults", kind) for kind in ("min", "max")),
        *(("Filters", kind) for kind in ("min", "max")),
        ("Filters[].key", "required"),
        *(("Filters[].value", kind) for kind in ("required", "min", "max")),
    },
}


@pytest.mark.parametrize("operation", VALID)
def test_no_constraint_of_the_model_is_without_a_case(operation: str) -> None:
    """A newer botocore with another constraint fails here, so that CASES gets one."""
    model = operation_model("ssm", operation)
    assert model is not None
    assert set(constraints(model.input_shape, "", False)) == COVERED[operation]


def shape(name: str) -> Shape:
    return service_model("ssm").shape_for(name)


def messages(name: str, value: dict[str, Any]) -> str:
    with pytest.raises(ServiceError) as raised:
        validate(shape(name), value)
    return raised.value.message


def test_scalars_in_a_list_are_named_by_their_list() -> None:
    message = messages("DescribeInstanceInformationRequest", {"Filters": [{"Key": "a", "Values": ["b", ""]}]})
    assert message == (
        "1 validation error detected: Value '[b, ]' at 'filters.1.member.values' failed to satisfy constraint: "
        "Member must satisfy constraint: [Member must have length greater than or equal to 1]"
    )


def test_null_in_a_list_of_scalars() -> None:
    message = messages("DescribeInstanceInformationRequest", {"Filters": [{"Key": "a", "Values": [None]}]})
    assert message == (
        "1 validation error detected: Value null at 'filters.1.member.values.1.member' failed to satisfy constraint: "
        "Member must not be null"
    )


def test_sensitive_values_are_not_shown() -> None:
    value = {
        "ActivationCode": "too-short-secret",
        "ActivationId": "01234567-89ab-cdef-0123-456789abcdef",
        "Fingerprint": "f",
        "PublicKey": "A" * 392,
    }
    message = messages("RegisterManagedInstanceRequest", value)
    assert message == (
        "1 validation error detected: Value at 'activationCode' failed to satisfy constraint: Member must have length "
        "greater than or equal to 20"
    )


@pytest.mark.parametrize("name", ["", "node 1", "Größe:日本/@", "a_b.c=+-"])
def test_patterns_with_unicode_categories_accept(name: str) -> None:
    validate(shape("CreateActivationRequest"), {"IamRole": "r", "DefaultInstanceName": name})


@pytest.mark.parametrize("name", ["a\x00", "tab\t", "#", "a\n", "🚢"])
def test_patterns_with_unicode_categories_refuse(name: str) -> None:
    assert "Member must satisfy regular expression pattern" in messages(
        "CreateActivationRequest", {"IamRole": "r", "DefaultInstanceName": name}
    )


def test_a_value_is_looked_at_no_further_than_it_is_shown() -> None:
    looked_at = 0

    class Counted(str):
        def __str__(self) -> str:
            nonlocal looked_at
            looked_at += 1
            return "key-of-twenty-letters"

    parameters = {"ResourceType": "ManagedInstance", "ResourceId": "mi-1", "TagKeys": [Counted("k")] * 8000}
    model = operation_model("ssm", "RemoveTagsFromResource")
    assert model is not None
    with pytest.raises(ServiceError, match="…' at 'tagKeys' failed to satisfy constraint"):
        validate(model.input_shape, parameters)
    assert 80 < looked_at < 200
