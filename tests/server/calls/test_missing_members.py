"""Every operation with optional members left out, at any depth: never an internal error."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.model import Shape

from ferryman.awsapi.models import operation_model, service_model
from ferryman.core.ratelimits import throttle
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER
from ferryman.server.timeouts import Timeouts
from tests.server.callers.model_values import ec2_form_of, form_of, full
from tests.server.running import Server

ASKED = sorted([*BY_CALLER, *BY_ANYONE])


@pytest.fixture
def timeouts(monkeypatch: pytest.MonkeyPatch) -> Timeouts:
    monkeypatch.setattr(throttle, "DENIALS_BURST", 1e9)  # many of these calls are not valid
    return Timeouts(poll=0.01)


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
