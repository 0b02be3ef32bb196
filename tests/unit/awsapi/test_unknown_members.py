"""Members that this botocore's model does not know, at any depth of any request, change nothing: SDKs are newer."""

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from botocore.model import Shape

from ferryman.awsapi import json11, query
from ferryman.awsapi.models import operation_model
from ferryman.awsapi.validation import validate
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY
from tests.server.callers.model_values import ec2_form_of, form_of, full

ALL = sorted({*BY_CALLER, *BY_ANYONE, *BY_NODE_KEY})
QUERY = [each for each in ALL if each[0] in ("sts", "iam", "ec2")]
JSON = [each for each in ALL if each not in QUERY]
UNKNOWN: dict[str, Any] = {
    "FerrymanNever": "x",
    "FerrymanNeverList": [1, {"a": None}],
    "FerrymanNeverMap": {"a": {"b": [True]}},
    "FerrymanNeverNull": None,
}


def extended(shape: Shape, value: Any) -> Any:
    """The value with unknown members in each structure."""
    match shape.type_name:
        case "structure":
            return {**{name: extended(shape.members[name], each) for name, each in value.items()}, **UNKNOWN}
        case "list":
            return [extended(shape.member, each) for each in value]
        case "map":
            return {key: extended(shape.value, each) for key, each in value.items()}
        case _:
            return value


def unknown_ec2_fields(fields: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Fields of unknown members beside each of the fields."""
    for start in sorted({f"{name.rpartition('.')[0]}." if "." in name else "" for name, _ in fields} | {""}):
        yield f"{start}FerrymanNever", "x"
        yield f"{start}FerrymanNeverList.1.A", "y"


def unknown_fields(shape: Shape, value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Fields of unknown members of each structure of the value."""
    start = f"{prefix}." if prefix else ""
    match shape.type_name:
        case "structure":
            yield f"{start}FerrymanNever", "x"
            yield f"{start}FerrymanNeverList.member.1.a", "y"
            yield f"{start}FerrymanNeverMap.entry.1.key", "k"
            for name, each in value.items():
                yield from unknown_fields(shape.members[name], each, f"{start}{name}")
        case "list":
            for place, each in enumerate(value, 1):
                yield from unknown_fields(shape.member, each, f"{prefix}.member.{place}")
        case "map":
            for place, each in enumerate(value.values(), 1):
                yield from unknown_fields(shape.value, each, f"{prefix}.entry.{place}.value")


@pytest.mark.parametrize(("service", "operation"), JSON)
def test_unknown_members_of_json_change_nothing(service: str, operation: str) -> None:
    model = operation_model(service, operation)
    assert model is not None
    shape = model.input_shape
    given = full(shape) if shape is not None else {}
    wider = extended(shape, given) if shape is not None else UNKNOWN
    assert wider != given
    decoded = json11.decode(json.dumps(wider).encode(), shape)
    assert decoded == json11.decode(json.dumps(given).encode(), shape)
    if shape is not None:
        validate(shape, decoded)


@pytest.mark.parametrize(("service", "operation"), QUERY)
def test_unknown_members_of_forms_change_nothing(service: str, operation: str) -> None:
    model = operation_model(service, operation)
    assert model is not None
    shape = model.input_shape
    ec2 = service == "ec2"
    fields = list((ec2_form_of if ec2 else form_of)(shape, full(shape))) if shape is not None else []
    unknown = [("FerrymanNever", "x")]
    if shape is not None:
        unknown = list(unknown_ec2_fields(fields) if ec2 else unknown_fields(shape, full(shape)))
    wider = dict(parse_qsl(urlencode([*fields, *unknown]), keep_blank_values=True))
    assert len(wider) == len(fields) + len(unknown)
    decoded = query.decode(wider, shape, ec2=ec2)
    assert decoded == query.decode(dict(fields), shape, ec2=ec2)
    if shape is not None:
        validate(shape, decoded)
