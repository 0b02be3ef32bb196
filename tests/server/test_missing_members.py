"""Every operation without members that the model does not require, at any depth: never a fault of the server."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import Shape

from ferryman.awsapi.models import operation_model, service_model
from ferryman.awsapi.validation import validate
from ferryman.model.errors import ServiceError
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER
from ferryman.server.timeouts import Timeouts
from tests.server.conftest import Server

ASKED = sorted([*BY_CALLER, *BY_ANYONE])
TRUST = '{"Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}'
SAMPLES = (
    "1" * 20,
    "mi-0123456789abcdef0",
    "01234567-89ab-cdef-0123-456789abcdef",
    "oi-0123456789ab",
    "arn:aws:iam::123456789012:policy/p",
    "/path/",
    "v1",
    "$LATEST",
    "AWS:InstanceInformation",
    TRUST,
    "1",
    "1" * 6,
    "1" * 40,
    "1" * 400,
    "arn:aws:ssm:test-1:123456789012:opsitem/oi-0123456789ab",
)
CHOSEN = {"Key": "Name", "key": "Name", "ResourceType": "Document", "DocumentType": "Session", "PolicyDocument": TRUST}
"""Members whose samples would be refused early."""


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(poll=0.01)


def full(shape: Shape, name: str = "", depth: int = 0) -> Any:
    """A value that satisfies the model, every member included."""
    match shape.type_name:
        case "structure":
            return {each: full(member, each, depth + 1) for each, member in shape.members.items()}
        case "list":
            return [full(shape.member, name, depth + 1)] * int(shape.metadata.get("min", 1) or 1)
        case "map":
            return {full(shape.key): full(shape.value, name, depth + 1)}
        case "integer" | "long":
            return int(shape.metadata.get("min", 1))
        case "boolean":
            return True
        case "timestamp":
            return 1_700_000_000
        case "blob":
            return "YQ=="
        case _:
            return next(each for each in (CHOSEN.get(name, ""), *(shape.enum or ()), *SAMPLES) if fits(shape, each))


def fits(shape: Shape, value: str) -> bool:
    if not value:
        return False
    holder = type("Holder", (), {"members": {"m": shape}, "required_members": [], "type_name": "structure"})
    try:
        validate(holder, {"m": value})
    except ServiceError:
        return False
    return True


def lacking(shape: Shape, value: Any, *, top: bool = True) -> Iterator[Any]:
    """The value without each optional member of each structure in it, and with none of them."""
    match shape.type_name:
        case "structure":
            optional = [each for each in value if each not in shape.required_members]
            for left_out in [*([each] for each in optional), optional]:
                yield {name: each for name, each in value.items() if name not in left_out}
            for name, member in shape.members.items():
                for changed in lacking(member, value[name], top=False):
                    yield {**value, name: changed}
                    if top:  # alone: another member may be refused first, or in its place
                        required = {each: value[each] for each in shape.required_members}
                        yield {**required, name: changed}
        case "list":
            for changed in lacking(shape.member, value[0], top=False):
                yield [changed]
        case "map":
            for changed in lacking(shape.value, next(iter(value.values())), top=False):
                yield dict.fromkeys(value, changed)


def ec2_form_of(shape: Shape, value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    match shape.type_name:
        case "structure":
            if prefix and not value:
                yield prefix, ""
            for name, each in value.items():
                written = shape.members[name].serialization.get("name", name)
                written = written[:1].upper() + written[1:]
                yield from ec2_form_of(shape.members[name], each, f"{prefix}.{written}" if prefix else written)
        case "list":
            for place, each in enumerate(value, 1):
                yield from ec2_form_of(shape.member, each, f"{prefix}.{place}")
        case _:
            yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


def form_of(shape: Shape, value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    match shape.type_name:
        case "structure":
            if prefix and not value:
                yield prefix, ""
            for name, each in value.items():
                yield from form_of(shape.members[name], each, f"{prefix}.{name}" if prefix else name)
        case "list":
            for place, each in enumerate(value, 1):
                yield from form_of(shape.member, each, f"{prefix}.member.{place}")
        case "map":
            for place, (key, each) in enumerate(value.items(), 1):
                yield f"{prefix}.entry.{place}.key", key
                yield from form_of(shape.value, each, f"{prefix}.entry.{place}.value")
        case _:
            yield prefix, str(value).lower() if isinstance(value, bool) else str(value)


async def call(server: Server, service: str, operation: str, given: Any) -> tuple[int, str]:
    model = operation_model(service, operation)
    assert model is not None
    path = "/"
    if service == "ssmmessages":
        path = f"/v1/{'control' if 'Control' in operation else 'data'}-channel/mi-0123456789abcdef0"
    if service in ("sts", "iam", "ec2"):
        version = service_model(service).metadata["apiVersion"]
        write = ec2_form_of if service == "ec2" else form_of
        fields = list(write(model.input_shape, given)) if model.input_shape else []
        body = urlencode([("Action", operation), ("Version", version), *fields]).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    else:
        body = json.dumps(given).encode()
        target = f"{service_model(service).metadata.get('targetPrefix')}.{operation}"
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": target}
    if (service, operation) in BY_CALLER:
        headers = server.signed("POST", path, "", body, headers, service=service)
    async with server.http.post(server.url_of(path), data=body, headers=headers) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize("service", sorted({service for service, _ in ASKED}))
async def test_no_missing_member_is_a_fault_of_the_server(server: Server, service: str) -> None:
    faults: dict[str, Any] = {}
    for operation in [name for of, name in ASKED if of == service]:
        model = operation_model(service, operation)
        assert model is not None
        if model.input_shape is None:
            continue
        whole = full(model.input_shape)
        for given in [whole, *lacking(model.input_shape, whole)]:
            status, text = await call(server, service, operation, given)
            if status >= 500:
                faults[operation] = given
            assert "validation error" not in text, (operation, given, text)  # it would test nothing
    assert faults == {}
