"""Every error as botocore's clients see it: class, code, message, status, request id."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.loaders import Loader

from ferryman.model.errors import ServiceError
from ferryman.signing.canonical import SignableRequest
from tests.parity.conftest import REQUEST_ID, Door

OPERATIONS = (
    "StartSession",
    "ResumeSession",
    "TerminateSession",
    "GetConnectionStatus",
    "DescribeSessions",
    "CreateActivation",
    "DescribeActivations",
    "DeleteActivation",
    "DescribeInstanceInformation",
    "DeregisterManagedInstance",
)
PARAMETERS: dict[str, dict[str, Any]] = {
    "StartSession": {"Target": "mi-0123456789abcdef0"},
    "ResumeSession": {"SessionId": "s"},
    "TerminateSession": {"SessionId": "s"},
    "GetConnectionStatus": {"Target": "mi-0123456789abcdef0"},
    "DescribeSessions": {"State": "Active"},
    "CreateActivation": {"IamRole": "r"},
    "DeleteActivation": {"ActivationId": "01234567-89ab-cdef-0123-456789abcdef"},
    "DeregisterManagedInstance": {"InstanceId": "mi-0123456789abcdef0"},
}
MESSAGE = "What failed: <why> & “what next” 🚢"


MODEL = Loader().load_service_model("ssm", "service-2", "2014-11-06")


def declared(operation: str) -> list[str]:
    return [error["shape"] for error in MODEL["operations"][operation].get("errors", [])]


MODELLED = [(operation, code) for operation in OPERATIONS for code in declared(operation)]

COMMON = [
    # code inside, status inside, JSON status, Query code, Query status
    ("MissingAuthenticationTokenException", 400, 400, "MissingAuthenticationToken", 403),
    ("IncompleteSignatureException", 400, 400, "IncompleteSignature", 400),
    ("InvalidSignatureException", 400, 400, "SignatureDoesNotMatch", 403),
    ("UnrecognizedClientException", 400, 400, "InvalidClientTokenId", 403),
    ("ExpiredTokenException", 400, 400, "ExpiredToken", 403),
    ("AccessDeniedException", 400, 400, "AccessDenied", 403),
    ("ThrottlingException", 400, 400, "Throttling", 400),
    ("ValidationException", 400, 400, "ValidationError", 400),
    ("SerializationException", 400, 400, "MalformedInput", 400),
    ("UnknownOperationException", 400, 400, "InvalidAction", 400),
    ("InternalServerError", 500, 500, "InternalFailure", 500),
    ("InternalServerError", 400, 500, "InternalFailure", 500),
    ("ServiceUnavailable", 503, 503, "ServiceUnavailable", 503),
    ("RequestEntityTooLargeException", 413, 413, "RequestEntityTooLargeException", 413),
]


def test_the_operations_declare_errors() -> None:
    assert ("StartSession", "TargetNotConnected") in MODELLED
    assert ("DescribeSessions", "InvalidNextToken") in MODELLED


@pytest.mark.parametrize(("operation", "code"), MODELLED)
def test_declared_error_is_raised_as_its_class(
    door: Door, client: Callable[[str], Any], operation: str, code: str
) -> None:
    door.answer = ServiceError(code, MESSAGE)
    ssm = client("ssm")
    with pytest.raises(getattr(ssm.exceptions, code)) as raised:
        getattr(ssm, xform_name(operation))(**PARAMETERS.get(operation, {}))
    response = raised.value.response
    assert response["Error"] == {"Code": code, "Message": MESSAGE}
    assert response["ResponseMetadata"]["RequestId"] == REQUEST_ID
    assert response["ResponseMetadata"]["HTTPStatusCode"] == (500 if code == "InternalServerError" else 400)


@pytest.mark.parametrize(("code", "status", "expected"), [case[:3] for case in COMMON])
def test_common_error_in_json(door: Door, client: Callable[[str], Any], code: str, status: int, expected: int) -> None:
    door.answer = ServiceError(code, MESSAGE, status=status)
    with pytest.raises(ClientError) as raised:
        client("ssm").describe_sessions(State="Active")
    assert raised.value.response["Error"] == {"Code": code, "Message": MESSAGE}
    (response,) = door.responses
    assert response.status == expected
    assert json.loads(response.body) == {"__type": code, "message": MESSAGE}
    assert response.headers == {
        "Content-Type": "application/x-amz-json-1.1",
        "x-amzn-RequestId": REQUEST_ID,
        "x-amzn-ErrorType": code,
    }


@pytest.mark.parametrize(
    ("code", "status", "spelling", "expected"), [(case[0], case[1], case[3], case[4]) for case in COMMON]
)
def test_common_error_in_query(
    door: Door, client: Callable[[str], Any], code: str, status: int, spelling: str, expected: int
) -> None:
    door.answer = ServiceError(code, MESSAGE, status=status)
    with pytest.raises(ClientError) as raised:
        client("sts").get_caller_identity()
    kind = "Receiver" if expected >= 500 else "Sender"
    assert raised.value.response["Error"] == {"Type": kind, "Code": spelling, "Message": MESSAGE}
    metadata = raised.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RequestId"]) == (expected, REQUEST_ID)


@pytest.mark.parametrize(
    ("code", "status", "spelling", "expected"),
    [
        ("InvalidSignatureException", 400, "AuthFailure", 401),
        ("ExpiredTokenException", 400, "RequestExpired", 400),
        ("AccessDeniedException", 400, "UnauthorizedOperation", 403),
        ("ThrottlingException", 400, "RequestLimitExceeded", 503),
        ("ValidationException", 400, "InvalidParameterValue", 400),
        ("InternalServerError", 500, "InternalError", 500),
        ("DryRunOperation", 412, "DryRunOperation", 412),
        ("InvalidInstanceID.NotFound", 400, "InvalidInstanceID.NotFound", 400),
    ],
)
def test_error_of_ec2(
    door: Door, client: Callable[[str], Any], code: str, status: int, spelling: str, expected: int
) -> None:
    door.answer = ServiceError(code, MESSAGE, status=status)
    with pytest.raises(ClientError) as raised:
        client("ec2").describe_instances()
    assert raised.value.response["Error"] == {"Code": spelling, "Message": MESSAGE}
    metadata = raised.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RequestId"]) == (expected, REQUEST_ID)


def test_operation_of_ec2_that_is_not_served(door: Door, client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError) as raised:
        client("ec2").describe_vpcs()
    assert raised.value.response["Error"] == {
        "Code": "InvalidAction",
        "Message": "Could not find operation DescribeVpcs for version 2016-11-15",
    }


def test_control_characters_do_not_break_the_xml(door: Door, client: Callable[[str], Any]) -> None:
    door.answer = ServiceError("ValidationException", "a\x00b\x1bc\ufffed\te")
    with pytest.raises(ClientError) as raised:
        client("sts").get_caller_identity()
    assert raised.value.response["Error"]["Message"] == "a\ufffdb\ufffdc\ufffdd\te"


@pytest.mark.parametrize(("service", "code"), [("ssm", "InvalidSignatureException"), ("sts", "SignatureDoesNotMatch")])
def test_body_replaced_on_the_way(door: Door, client: Callable[[str], Any], service: str, code: str) -> None:
    def tamper(request: SignableRequest) -> SignableRequest:
        return replace(request, body=request.body.replace(b"SessionId", b"SessionIx") + b"&x=y")

    door.tamper = tamper
    made = client(service)
    with pytest.raises(ClientError) as raised:
        made.terminate_session(SessionId="s") if service == "ssm" else made.get_caller_identity()
    assert raised.value.response["Error"]["Code"] == code
    assert "does not match the signature you provided" in raised.value.response["Error"]["Message"]
    assert not door.calls


def test_invalid_parameters_of_a_client_that_does_not_check(door: Door, client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError) as raised:
        client("ssm").describe_sessions(State="Active", MaxResults=201)
    assert raised.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "1 validation error detected: Value '201' at 'maxResults' failed to satisfy constraint: Member must "
        "have value less than or equal to 200",
    }


def test_operation_we_do_not_know(door: Door, client: Callable[[str], Any]) -> None:
    with pytest.raises(ClientError) as raised:
        client("sts").decode_authorization_message(EncodedMessage="")
    assert raised.value.response["Error"]["Code"] == "ValidationError"
    with pytest.raises(ClientError) as raised:
        client("sns").list_topics()
    assert raised.value.response["Error"]["Code"] == "InvalidAction"
    assert raised.value.response["Error"]["Message"] == "Could not find operation ListTopics for version 2010-03-31"
