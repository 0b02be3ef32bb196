"""Which operation a request means, and what is answered when it means none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.awsapi.dispatch import (
    ApiCall,
    ApiProtocol,
    identify,
    parse,
    protocol_of,
    serialise,
    serialise_error,
    unknown_operation,
)
from ferryman.model.errors import ServiceError

FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
IDENTITY = "Action=GetCallerIdentity&Version=2011-06-15"


def test_json_call_is_known_by_its_target_header_in_any_case() -> None:
    for name in ("X-Amz-Target", "x-amz-target", "X-AMZ-TARGET"):
        call = identify("POST", "/", [("Host", "h"), (name, "AmazonSSM.StartSession")], b"{}")
        assert call == ApiCall("ssm", "StartSession", ApiProtocol.JSON)


def test_query_call_is_known_by_action_and_version() -> None:
    expected = ApiCall("sts", "GetCallerIdentity", ApiProtocol.QUERY)
    assert identify("POST", "/", [FORM], IDENTITY.encode()) == expected
    call = identify("GET", "/?" + IDENTITY, [], b"")
    assert (call.service, call.operation, call.protocol) == ("sts", "GetCallerIdentity", ApiProtocol.QUERY)
    assert parse(call, b"") == {}
    users = identify("POST", "/", [FORM], b"Action=ListUsers&Version=2010-05-08")
    assert (users.service, users.operation) == ("iam", "ListUsers")


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "protocol"),
    [
        ("POST", "/", [], b"{}", ApiProtocol.JSON),
        ("GET", "/", [], b"", ApiProtocol.JSON),
        ("GET", "/", [("X-Amz-Target", "AmazonSSM.StartSession")], b"", ApiProtocol.JSON),
        ("PUT", "/", [("X-Amz-Target", "AmazonSSM.StartSession")], b"{}", ApiProtocol.JSON),
        ("POST", "/other", [("X-Amz-Target", "AmazonSSM.StartSession")], b"{}", ApiProtocol.JSON),
        ("POST", "/", [("X-Amz-Target", "")], b"{}", ApiProtocol.JSON),
        ("POST", "/", [("X-Amz-Target", "StartSession")], b"{}", ApiProtocol.JSON),
        ("POST", "/", [("X-Amz-Target", "AmazonSSM.startsession")], b"{}", ApiProtocol.JSON),
        ("POST", "/", [("X-Amz-Target", "AmazonSSM.StartSession.x")], b"{}", ApiProtocol.JSON),
        ("POST", "/", [("X-Amz-Target", "AWSSecurityTokenServiceV20110615.GetCallerIdentity")], b"", ApiProtocol.JSON),
        ("POST", "/", [("X-Amz-Target", "EC2WindowsMessageDeliveryService.GetEndpoint")], b"{}", ApiProtocol.JSON),
        ("POST", "/", [FORM], b"", ApiProtocol.QUERY),
        ("POST", "/", [FORM], b"Action=GetCallerIdentity", ApiProtocol.QUERY),
        ("POST", "/", [FORM], b"Action=GetCallerIdentity&Version=2011-06-16", ApiProtocol.QUERY),
        ("POST", "/", [FORM], b"Action=Nothing&Version=2011-06-15", ApiProtocol.QUERY),
        ("GET", "/?Action=Nothing&Version=2011-06-15", [], b"", ApiProtocol.QUERY),
        ("POST", "/?X-Amz-Expires=1", [], b"", ApiProtocol.QUERY),
        ("POST", "/other", [FORM], b"", ApiProtocol.QUERY),
        ("GET", "/other?a=b", [], b"", ApiProtocol.JSON),
        ("GET", "/v1/control-channel/mi-0123456789abcdef0", [], b"", ApiProtocol.CHANNEL),
        ("POST", "/v1/control-channel/", [], b"", ApiProtocol.CHANNEL),
        ("POST", "/v1/control-channel/a/b", [FORM], b"", ApiProtocol.CHANNEL),
        ("POST", "/v2/data-channel/a", [], b"", ApiProtocol.JSON),
    ],
)
def test_request_that_means_no_operation(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes, protocol: ApiProtocol
) -> None:
    with pytest.raises(ServiceError) as raised:
        identify(method, target, headers, body)
    assert (raised.value.code, raised.value.status) == ("UnknownOperationException", 400)
    assert protocol_of(target, headers) is protocol
    response = serialise_error(protocol, raised.value, "r")
    assert response.status == 400
    if protocol is ApiProtocol.CHANNEL:
        assert response.body.startswith(b"<UnknownOperationException>")
    elif protocol is ApiProtocol.QUERY:
        assert b"<Code>InvalidAction</Code>" in response.body
        assert b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"' in response.body
    else:
        assert json.loads(response.body)["__type"] == "UnknownOperationException"


def test_error_of_a_json_request_without_a_call() -> None:
    response = serialise_error(ApiProtocol.JSON, ServiceError("InternalServerError", "m", status=500), "r")
    assert (response.status, json.loads(response.body)) == (500, {"__type": "InternalServerError", "message": "m"})


@pytest.mark.parametrize("protocol", list(ApiProtocol))
def test_message_that_quotes_undecodable_bytes(protocol: ApiProtocol) -> None:
    call = ApiCall("ssm", "StartSession", protocol)
    if protocol is ApiProtocol.QUERY:
        call = ApiCall("sts", "GetCallerIdentity", protocol)
    response = serialise_error(call, ServiceError("ValidationException", "path /\udcff"), "r")
    assert b"path /?" in response.body


def test_operation_of_the_model_that_the_server_lacks() -> None:
    error = unknown_operation("SendCommand")
    assert error.code == "UnknownOperationException"
    assert "SendCommand" in error.message


def test_form_that_cannot_be_read() -> None:
    call = b"Action=GetCallerIdentity&Version=2011-06-15&"
    for body in (call + b"\xff\xfe", b"Action=%FF", b"&".join(b"a%d=1" % number for number in range(1001))):
        with pytest.raises(ServiceError) as raised:
            parse(identify("POST", "/", [FORM], body), body)
        assert raised.value.code == "SerializationException"
        response = serialise_error(protocol_of("/", [FORM]), raised.value, "r")
        assert b"<Code>MalformedInput</Code>" in response.body


def test_query_string_that_is_not_utf8_is_refused_not_altered() -> None:
    with pytest.raises(ServiceError) as raised:
        identify("GET", f"/?{IDENTITY}&Name=\udcff", [], b"")
    assert raised.value.code == "SerializationException"


@pytest.mark.parametrize("again", ["Action=AssumeRole", "%41ction=GetCallerIdentity", "Version=", "Version"])
def test_a_repeated_field_is_refused(again: str) -> None:
    for form in (f"{IDENTITY}&{again}", f"{again}&{IDENTITY}"):
        for method, target, headers, body in (("POST", "/", [FORM], form.encode()), ("GET", f"/?{form}", [], b"")):
            with pytest.raises(ServiceError, match="more than once") as raised:
                identify(method, target, headers, body)
            assert raised.value.code == "SerializationException"


def test_query_call_in_the_query_of_a_post() -> None:
    call = identify("POST", f"/?{IDENTITY}", [FORM], b"")
    assert (call.operation, call.protocol) == ("GetCallerIdentity", ApiProtocol.QUERY)
    assert parse(call, b"") == {}


def test_first_of_a_doubled_header_counts() -> None:
    headers = [("X-Amz-Target", "AmazonSSM.StartSession"), ("X-Amz-Target", "AmazonSSM.DescribeSessions")]
    assert identify("POST", "/", headers, b"").operation == "StartSession"


def test_answer_to_an_operation_without_output() -> None:
    response = serialise(ApiCall("ssm", "DeleteActivation", ApiProtocol.JSON), {}, "r")
    assert (response.status, response.body) == (200, b"{}")


targets = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30).map(lambda tail: "/" + tail),
    st.sampled_from(
        ["/", "/?Action=GetCallerIdentity", "/v1/data-channel/%FF%zz", "/v1/data-channel/\udcff", "/\udcff?\udcff=1"]
    ),
)
names = st.sampled_from(["X-Amz-Target", "Content-Type", "Host"])
values = st.one_of(st.text(max_size=30), st.sampled_from([FORM[1], "AmazonSSM.StartSession"]))


@settings(deadline=None)
@given(
    st.sampled_from(["GET", "POST"]), targets, st.lists(st.tuples(names, values), max_size=3), st.binary(max_size=99)
)
def test_no_request_raises_anything_but_service_errors(
    method: str, target: str, headers: list[tuple[str, str]], body: bytes
) -> None:
    try:
        parse(identify(method, target, headers, body), body)
    except ServiceError as error:
        serialise_error(protocol_of(target, headers), error, "r")
