"""The calls of AWS's agent: as recorded, and through botocore's serialisers over our own model."""

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, Response, identify, parse, serialise, serialise_error
from ferryman.awsapi.models import operation_model
from ferryman.model.errors import ServiceError

CAPTURES = Path(__file__).parents[1] / "vectors" / "agent_captures.json"
NODE = "mi-0123456789abcdef0"
STAND_INS = {
    "<activation code, at least 20 chars>": "c" * 20,
    "<base64 DER SubjectPublicKeyInfo, 392 chars>": "A" * 392,
}
OPERATIONS = [
    ("ssm", "RegisterManagedInstance"),
    ("ssm", "RequestManagedInstanceRoleToken"),
    ("ssm", "UpdateManagedInstancePublicKey"),
    ("ssm", "UpdateInstanceInformation"),
    ("ssm", "ListInstanceAssociations"),
    ("ec2messages", "GetMessages"),
]


@cache
def exchanges() -> list[dict[str, Any]]:
    captures = json.loads(CAPTURES.read_text())
    every = captures["start_up"] + [exchange for session in captures["sessions"].values() for exchange in session]
    return [exchange for exchange in every if exchange["kind"] == "http"]


def request_of(exchange: dict[str, Any]) -> tuple[str, str, list[tuple[str, str]], bytes]:
    request = exchange["request"]
    body = {name: STAND_INS.get(value, value) for name, value in request["body"].items()}
    return request["method"], request["path"], list(request["headers"].items()), json.dumps(body).encode()


def parsed(response: Response, service: str, operation: str) -> dict[str, Any]:
    model = operation_model(service, operation)
    assert model is not None
    raw = {"status_code": response.status, "headers": lower(response), "body": response.body}
    result: dict[str, Any] = create_parser("json").parse(raw, model.output_shape)
    del result["ResponseMetadata"]
    return result


def lower(response: Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def test_the_recording_has_every_call() -> None:
    names = {identify(*request_of(exchange)).operation for exchange in exchanges()}
    assert names == {operation for _, operation in OPERATIONS} | {"CreateControlChannel", "CreateDataChannel"}


@pytest.mark.parametrize("exchange", exchanges(), ids=lambda exchange: exchange["name"])
def test_recorded_request_is_understood_whole(exchange: dict[str, Any]) -> None:
    method, path, headers, body = request_of(exchange)
    call = identify(method, path, headers, body)
    assert call.operation in exchange["name"]
    parameters = parse(call, body)
    assert parameters.pop("ChannelId", path.rpartition("/")[2]) == path.rpartition("/")[2]
    assert parameters == json.loads(body)


@pytest.mark.parametrize("exchange", exchanges(), ids=lambda exchange: exchange["name"])
def test_recorded_answer_is_what_we_answer(exchange: dict[str, Any]) -> None:
    call = identify(*request_of(exchange))
    recorded = exchange["response"]
    if call.protocol is ApiProtocol.CHANNEL:
        root = ElementTree.fromstring(recorded["body"])  # noqa: S314 our own file
        result: dict[str, Any] = {element.tag.partition("}")[2]: element.text for element in root}
    else:
        result = dict(recorded["body"])
        if "TokenExpirationDate" in result:
            result["TokenExpirationDate"] = datetime.fromtimestamp(result["TokenExpirationDate"], UTC)
    response = serialise(call, result, "request-1")
    assert response.status == recorded["status"]
    assert response.headers["Content-Type"] == recorded["headers"]["Content-Type"]
    assert response.headers["x-amzn-RequestId"] == "request-1"
    if call.protocol is ApiProtocol.CHANNEL:
        assert response.body.decode() == recorded["body"]
    else:
        assert json.loads(response.body) == recorded["body"]


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_botocore_serialises_our_model_and_we_parse(service: str, operation: str) -> None:
    model = operation_model(service, operation)
    assert model is not None
    samples = {
        "ActivationId": "01234567-89ab-cdef-0123-456789abcdef",
        "ActivationCode": "c" * 20,
        "InstanceId": NODE,
        "PublicKey": "A" * 392,
        "NewPublicKey": "A" * 392,
        "PublicKeyType": "Rsa",
        "NewPublicKeyType": "Rsa",
        "MaxResults": 20,
        "VisibilityTimeoutInSeconds": 10,
    }
    parameters = {name: samples.get(name, "some “text”") for name in model.input_shape.members}
    request = create_serializer("json", include_validation=False).serialize_to_request(parameters, model)
    call = identify(request["method"], request["url_path"], request["headers"].items(), request["body"])
    assert call == ApiCall(service, operation, ApiProtocol.JSON)
    assert parse(call, request["body"]) == parameters


def test_role_token_has_all_five_keys_as_the_agent_reads_them() -> None:
    call = ApiCall("ssm", "RequestManagedInstanceRoleToken", ApiProtocol.JSON)
    result = {
        "AccessKeyId": "ASIAEXAMPLEKEYID0000",
        "SecretAccessKey": "secret",
        "SessionToken": "token",
        "TokenExpirationDate": datetime(2025, 1, 1, 1, tzinfo=UTC),
        "UpdateKeyPair": False,
    }
    response = serialise(call, result, "r")
    assert parsed(response, call.service, call.operation) == result
    assert json.loads(response.body)["TokenExpirationDate"] == 1735693200.0


def test_messages_and_associations() -> None:
    for service, operation, result in (
        ("ec2messages", "GetMessages", {"Messages": [], "Destination": NODE, "MessagesRequestId": "r"}),
        ("ssm", "ListInstanceAssociations", {"Associations": []}),
        ("ssm", "ListAssociations", {"Associations": []}),
    ):
        response = serialise(ApiCall(service, operation, ApiProtocol.JSON), result, "r")
        assert parsed(response, service, operation) == result


@pytest.mark.parametrize(
    ("path", "operation", "channel_id"),
    [
        (f"/v1/control-channel/{NODE}", "CreateControlChannel", NODE),
        ("/v1/data-channel/user@x-1", "CreateDataChannel", "user@x-1"),
        ("/v1/data-channel/a%20b%2Ac", "CreateDataChannel", "a b*c"),
    ],
)
def test_channel_is_named_by_its_path(path: str, operation: str, channel_id: str) -> None:
    body = b'{"MessageSchemaVersion":"1.0","RequestId":"r","ChannelId":"another"}'
    call = identify("POST", path, [], body)
    assert (call.service, call.operation) == ("ssmmessages", operation)
    assert parse(call, body)["ChannelId"] == channel_id


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ServiceError("AccessDeniedException", "No <entry> & no “way”"), 403),
        (ServiceError("InvalidSignatureException", "Signature expired"), 403),
        (ServiceError("ValidationException", "Session is already terminated"), 400),
        (ServiceError("InternalServerError", "An internal error"), 500),
        (ServiceError("ServiceUnavailable", "Later", status=503), 503),
    ],
)
def test_channel_errors_are_xml_that_the_agent_looks_into(error: ServiceError, status: int) -> None:
    call = ApiCall("ssmmessages", "CreateDataChannel", ApiProtocol.CHANNEL)
    response = serialise_error(call, error, "request-1")
    assert response.status == status
    assert response.headers["x-amzn-RequestId"] == "request-1"
    assert f"<{error.code}>".encode() in response.body
    root = ElementTree.fromstring(response.body)  # noqa: S314 our own answer
    assert (root.tag, root.findtext("message")) == (error.code, error.message)
