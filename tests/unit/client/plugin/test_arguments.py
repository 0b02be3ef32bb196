"""The launch contract of `protocol/client.md` §2."""

import json

import pytest

from ferryman.client.calls.expected_session import ExpectedSession
from ferryman.client.calls.launch import Launch
from ferryman.client.plugin import texts
from ferryman.client.plugin.arguments import InvalidArguments, ShowInstalled, ShowVersion, parse
from ferryman.model.session_types import TERMINAL_TYPES
from ferryman.model.values.secret import Secret

RESPONSE = {
    "SessionId": "ann-0123",
    "TokenValue": "token-value",
    "StreamUrl": "wss://example.test/v1/data-channel/ann-0123",
}
REQUEST = {"Target": "mi-01234567890123456"}
VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"


def test_without_arguments_it_says_that_it_is_there() -> None:
    assert parse([], {}) == ShowInstalled()
    assert texts.INSTALLED.startswith("\nThe Session Manager plugin was installed successfully.")


def test_version_is_asked_for_alone() -> None:
    assert parse(["--version"], {}) == ShowVersion()


@pytest.mark.parametrize("arguments", [["help"], ["--help", "x"], ["--version", "--version"]])
def test_one_or_two_other_arguments_are_unknown(arguments: list[str]) -> None:
    with pytest.raises(InvalidArguments, match=f"Unknown operation {arguments[0]}") as refused:
        parse(arguments, {})
    assert str(refused.value).endswith("Use session-manager-plugin --version to check the version.\n\n")


@pytest.mark.parametrize("count", [3, 4, 5, 6, 8])
def test_a_launch_accepts_three_to_six_arguments_and_ignores_more(count: int) -> None:
    given = [json.dumps(RESPONSE), "eu-north-1", "StartSession", "work", json.dumps(REQUEST), "http://127.0.0.1:8080"]
    launch = parse([*given, "seventh", "eighth"][:count], {})
    assert launch == Launch(
        session_id="ann-0123",
        token=Secret("token-value"),
        stream_url="wss://example.test/v1/data-channel/ann-0123",
        region="eu-north-1",
        profile="work" if count > 3 else "",
        target="mi-01234567890123456" if count > 4 else "",
        endpoint="http://127.0.0.1:8080" if count > 5 else "",
        expected=ExpectedSession(TERMINAL_TYPES) if count > 4 else None,
    )


@pytest.mark.parametrize("name", [VARIABLE, f"{VARIABLE}_42"])
def test_the_response_may_stand_in_a_variable_which_is_then_unset(name: str) -> None:
    environment = {name: json.dumps(RESPONSE), "PATH": "/bin"}
    launch = parse([name, "r", "StartSession"], environment)
    assert isinstance(launch, Launch)
    assert launch.token == Secret("token-value")
    assert environment == {"PATH": "/bin"}


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(InvalidArguments, match=f"variable {VARIABLE} is not set"):
        parse([VARIABLE, "r", "StartSession"], {})


def test_response_keys_match_in_any_case_and_unknown_ones_are_ignored() -> None:
    response = {"sessionId": "s", "tokenValue": "t", "streamUrl": "ws://h/x", "clusterArn": ["a"]}
    launch = parse([json.dumps(response), "r", "StartSession"], {})
    assert isinstance(launch, Launch)
    assert (launch.session_id, launch.token.reveal(), launch.stream_url) == ("s", "t", "ws://h/x")


def test_another_operation_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="Invalid Operation"):
        parse([json.dumps(RESPONSE), "r", "ResumeSession"], {})


@pytest.mark.parametrize("response", ["", "{", "not json", "\udc80", "[]", '"text"', "null"])
def test_a_response_that_is_not_a_json_object_is_refused(response: str) -> None:
    with pytest.raises(InvalidArguments, match="the StartSession response is not"):
        parse([response, "r", "StartSession"], {})


@pytest.mark.parametrize("member", ["SessionId", "TokenValue", "StreamUrl"])
@pytest.mark.parametrize("value", [None, "", 7, ["x"]])
def test_a_missing_member_is_named_and_the_token_never_shown(member: str, value: object) -> None:
    with pytest.raises(InvalidArguments, match=f"has no {member}") as refused:
        parse([json.dumps(RESPONSE | {member: value}), "r", "StartSession"], {})
    assert "token-value" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://h/x", "https://h", "h", "ws://", "wss:///path", "ws://h:port/", "ws://[::1/", "ws://a:b@h/", "ws://a@h/"],
)
def test_a_stream_url_that_cannot_be_dialled_is_refused(url: str) -> None:
    with pytest.raises(InvalidArguments, match="StreamUrl"):
        parse([json.dumps(RESPONSE | {"StreamUrl": url}), "r", "StartSession"], {})


@pytest.mark.parametrize("request_text", ["{", "[]", "{}", '{"Target": 5}', '{"Target": null}'])
def test_a_request_without_target_is_refused(request_text: str) -> None:
    with pytest.raises(InvalidArguments, match="fifth argument"):
        parse([json.dumps(RESPONSE), "r", "StartSession", "", request_text], {})


@pytest.mark.parametrize("endpoint", ["localhost:80", "ftp://h", "http://", "http://h:x"])
def test_an_endpoint_that_is_not_a_url_is_refused(endpoint: str) -> None:
    with pytest.raises(InvalidArguments, match="sixth argument"):
        parse([json.dumps(RESPONSE), "r", "StartSession", "", json.dumps(REQUEST), endpoint], {})
