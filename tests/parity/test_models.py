"""Every operation of these services with every member there is, both ways: the codecs hold for any shape."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from ferryman.awsapi import forms, json11, query

PROTOCOLS = {
    "ssm": "json",
    "sts": "query",
    "iam": "query",
    "ec2": "ec2",
    "resourcegroupstaggingapi": "json",
    "ec2-instance-connect": "json",
    "kms": "json",
}
SERVICES = {service: ServiceModel(Loader().load_service_model(service, "service-2"), service) for service in PROTOCOLS}
SERVED_OF_EC2 = ["DescribeInstances"]
"""Of 750 operations; some others have shapes that the codecs do not."""
OPERATIONS = [
    (service, operation)
    for service, model in SERVICES.items()
    for operation in (SERVED_OF_EC2 if service == "ec2" else model.operation_names)
]
MOMENT = datetime(2025, 3, 4, 5, 6, 7, 891000, UTC)
SCALARS = {
    "string": "“ä” <&>\t=+%\n🚢",
    "integer": -7,
    "long": 2**40,
    "boolean": True,
    "timestamp": MOMENT,
    "blob": b"\x00\xffbytes",
}


def sample(shape: Shape, depth: int = 0) -> Any:
    """A value with every member of `shape`; recursive shapes end at a depth."""
    match shape.type_name:
        case "structure":
            members = list(shape.members.items()) if depth < 12 else []
            if shape.is_tagged_union:
                del members[1:]
            return {name: sample(member, depth + 1) for name, member in members}
        case "list":
            return [] if depth >= 12 else [sample(shape.member, depth + 1)] * 2
        case "map":
            return {"a key": sample(shape.value, depth + 1), "b.1": sample(shape.value, depth + 1)}
        case _:
            return SCALARS[shape.type_name]


def pruned(value: Any) -> Any:
    """Without what a form cannot tell from absence: empty structures."""
    if isinstance(value, dict):
        return {name: pruned(member) for name, member in value.items() if pruned(member) != {}}
    return [pruned(element) for element in value if pruned(element) != {}] if isinstance(value, list) else value


def model_of(service: str, operation: str) -> OperationModel:
    return SERVICES[service].operation_model(operation)


WITH_INPUT = [(service, operation) for service, operation in OPERATIONS if model_of(service, operation).input_shape]


@pytest.mark.parametrize(("service", "operation"), WITH_INPUT)
def test_botocore_serialises_and_we_decode(service: str, operation: str) -> None:
    model = model_of(service, operation)
    parameters = sample(model.input_shape)
    protocol = PROTOCOLS[service]
    request = create_serializer(protocol, include_validation=False).serialize_to_request(parameters, model)
    if protocol == "json":
        assert json11.decode(request["body"], model.input_shape) == parameters
    else:
        form = forms.fields(urlencode(request["body"]).encode())
        assert query.decode(form, model.input_shape, ec2=protocol == "ec2") == pruned(parameters)


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_we_encode_and_botocore_parses(service: str, operation: str) -> None:
    model = model_of(service, operation)
    result = {} if model.output_shape is None else sample(model.output_shape)
    protocol = PROTOCOLS[service]
    if protocol == "json":
        body = json11.encode(result, model.output_shape)
    else:
        body = (query.encode_ec2 if protocol == "ec2" else query.encode)(result, model, "request-1")
    response = {"status_code": 200, "headers": {"x-amzn-requestid": "request-1"}, "body": body}
    answer = create_parser(protocol).parse(response, model.output_shape)
    assert answer.pop("ResponseMetadata")["RequestId"] == "request-1"
    assert answer == result
