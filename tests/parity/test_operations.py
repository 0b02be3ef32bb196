"""botocore's clients serialise and we parse; we serialise and botocore's clients parse."""

from collections.abc import Callable
from datetime import timedelta, timezone
from typing import Any

import pytest
from botocore import xform_name
from botocore.awsrequest import AWSRequest

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol
from tests.parity.conftest import REQUEST_ID, Door
from tests.parity.operation_cases import CASES, MOMENT, SESSION


@pytest.mark.parametrize(("service", "operation", "parameters", "result"), CASES)
def test_operation_there_and_back(
    door: Door,
    client: Callable[[str], Any],
    service: str,
    operation: str,
    parameters: dict[str, Any],
    result: dict[str, Any],
) -> None:
    door.answer = result
    answer = getattr(client(service), xform_name(operation))(**parameters)
    ((call, parsed),) = door.calls
    protocol = {"sts": ApiProtocol.QUERY, "iam": ApiProtocol.QUERY, "ec2": ApiProtocol.EC2}.get(
        service, ApiProtocol.JSON
    )
    assert call == ApiCall(service, operation, protocol)
    assert parsed == parameters
    metadata = answer.pop("ResponseMetadata")
    assert (metadata["HTTPStatusCode"], metadata["RequestId"]) == (200, REQUEST_ID)
    assert answer == result


def test_members_that_are_null_are_omitted(door: Door, client: Callable[[str], Any]) -> None:
    door.answer = {"Sessions": [{"SessionId": SESSION, "EndDate": None, "Reason": None}], "NextToken": None}
    answer = client("ssm").describe_sessions(State="Active")
    assert answer["Sessions"] == [{"SessionId": SESSION}]
    assert "NextToken" not in answer
    assert b"null" not in door.responses[0].body


def test_timestamps_are_epoch_seconds_to_the_millisecond(door: Door, client: Callable[[str], Any]) -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    door.answer = {"Sessions": [{"StartDate": elsewhere.replace(microsecond=891499)}]}
    answer = client("ssm").describe_sessions(State="Active")
    assert answer["Sessions"][0]["StartDate"] == MOMENT
    assert b'{"StartDate":1741064767.891}' in door.responses[0].body


def test_presigned_caller_identity(door: Door, client: Callable[[str], Any]) -> None:
    """What some programs hand on as proof of who they are: GetCallerIdentity as a presigned URL."""
    sts = client("sts")
    url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
    door.answer = {"Account": "123456789012"}
    response = door(AWSRequest("GET", url).prepare())
    assert response.status_code == 200
    assert b"<Account>123456789012</Account>" in response.content
    lasting = sts.generate_presigned_url("get_caller_identity", ExpiresIn=900, HttpMethod="GET")
    assert door(AWSRequest("GET", lasting).prepare()).status_code == 200
    changed = door(AWSRequest("GET", url.replace("X-Amz-Expires=60", "X-Amz-Expires=600")).prepare())
    assert changed.status_code == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in changed.content


def test_caller_identity_presigned_for_the_models_own_method(door: Door, client: Callable[[str], Any]) -> None:
    """botocore presigns POST unless it is told otherwise, with the form in the query and nothing in the body."""
    url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=900)
    door.answer = {"Account": "123456789012"}
    response = door(AWSRequest("POST", url).prepare())
    assert response.status_code == 200, response.content
    assert door.calls == [(door.calls[0][0], {})]
    assert door.calls[0][0].operation == "GetCallerIdentity"


def test_presigned_for_longer_than_fifteen_minutes(door: Door, client: Callable[[str], Any]) -> None:
    url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=901, HttpMethod="GET")
    response = door(AWSRequest("GET", url).prepare())
    assert response.status_code == 400
    assert b"<Code>IncompleteSignature</Code>" in response.content
    assert b"X-Amz-Expires must be from 1 to 900 seconds (15 minutes), not '901'." in response.content


def test_a_member_the_model_lacks_is_our_mistake(door: Door, client: Callable[[str], Any]) -> None:
    door.answer = {"SessionID": SESSION}
    with pytest.raises(KeyError):
        client("ssm").terminate_session(SessionId=SESSION)
