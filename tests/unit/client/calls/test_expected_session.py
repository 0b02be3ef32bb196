"""The handshake of a node is held to what was asked for, as the StreamUrl or the request says it."""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ferryman.channel.events import SessionStarted
from ferryman.client.calls.expected_session import ExpectedSession, expected_session
from ferryman.client.calls.launch import Launch
from ferryman.client.plugin.arguments import parse
from ferryman.model.stream_urls import stream_query
from tests.waiting import PATIENCE

Start = Callable[..., subprocess.Popen[bytes]]
URL = "wss://sessions.test/v1/data-channel/ann-0"
BARE = f"{URL}?role=publish_subscribe"
FORWARDING = {"type": "LocalPortForwarding", "portNumber": "80"}
FORWARD, SOCKET, SSH = (
    "AWS-StartPortForwardingSession",
    "AWS-StartPortForwardingSessionToSocket",
    "AWS-StartSSHSession",
)
REMOTE = "AWS-StartPortForwardingSessionToRemoteHost"
RUN, INTERACTIVE = "AWS-StartNonInteractiveCommand", "AWS-StartInteractiveCommand"
Properties = Mapping[str, str] | None
ANSWERS: dict[str, tuple[str, Properties]] = {
    "shell": ("Standard_Stream", None),
    "terminal": ("InteractiveCommands", None),
    "command": ("NonInteractiveCommands", None),
    "stdio": ("Port", {"portNumber": "22"}),
    "stdio without properties": ("Port", None),
    "any port": ("Port", {**FORWARDING, "localPortNumber": "0"}),
    "a port not named": ("Port", FORWARDING),
    "port 8080": ("Port", {**FORWARDING, "localPortNumber": "8080"}),
    "socket": ("Port", {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": "/run/me/db"}),
    "other socket": ("Port", {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": "/home/me/.agent"}),
}
SHELL = {"shell", "terminal"}
STDIO = {"stdio", "stdio without properties"}
ANY_PORT = {"any port", "a port not named"}
REQUESTS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, SHELL),
    ({"DocumentName": None}, SHELL),
    ({"DocumentName": "SSM-SessionManagerRunShell"}, SHELL),
    ({"DocumentName": INTERACTIVE, "Parameters": {"command": ["top"]}}, SHELL),
    ({"DocumentName": RUN, "Parameters": {"command": ["ls"]}}, {"command"}),
    ({"DocumentName": SSH, "Parameters": {"portNumber": ["22"]}}, STDIO),
    ({"DocumentName": f"arn:aws:ssm:eu-north-1::document/{SSH}"}, STDIO),
    ({"DocumentName": FORWARD}, ANY_PORT),
    ({"DocumentName": FORWARD, "Parameters": {"portNumber": ["80"], "localPortNumber": ["0"]}}, ANY_PORT),
    ({"DocumentName": FORWARD, "Parameters": {"localPortNumber": ["8080"]}}, {"port 8080"}),
    ({"DocumentName": REMOTE, "Parameters": {"host": ["db"], "localPortNumber": ["8080"]}}, {"port 8080"}),
    ({"DocumentName": SOCKET, "Parameters": {"localUnixSocket": ["/run/me/db"]}}, {"socket"}),
    ({"DocumentName": SOCKET, "Parameters": "nonsense"}, set()),
]


def accepted(expected: ExpectedSession | None) -> set[str]:
    """Which of the answers of a node an expectation lets pass."""
    return {
        name
        for name, (session_type, properties) in ANSWERS.items()
        if expected is None or not expected.objection(SessionStarted(session_type, properties, "3.3.0.0"))
    }


@pytest.mark.parametrize(("request_members", "fits"), REQUESTS)
def test_a_request_for_a_document_of_aws_determines_the_session_type(
    request_members: dict[str, Any], fits: set[str]
) -> None:
    assert accepted(expected_session(BARE, request_members)) == fits


@pytest.mark.parametrize(
    ("session_type", "properties", "fits"),
    [
        ("Standard_Stream", {}, SHELL),
        ("InteractiveCommands", {"linux": {"commands": "top"}}, SHELL),
        ("NonInteractiveCommands", {"linux": {"commands": "ls"}}, {"command"}),
        ("Port", {"portNumber": "22"}, STDIO),
        ("Port", {**FORWARDING, "localPortNumber": "8080"}, {"port 8080"}),
        ("Port", FORWARDING, ANY_PORT),
        ("Port", ANSWERS["socket"][1], {"socket"}),
    ],
)
def test_the_stream_url_says_it_of_any_document(
    session_type: str, properties: Mapping[str, Any], fits: set[str]
) -> None:
    """Whatever the launcher says of the request: some name the target only."""
    url = f"{URL}?{stream_query(session_type, properties)}"
    for request in (None, {}, {"DocumentName": "Example-Document"}, {"DocumentName": RUN}):
        assert accepted(expected_session(url, request)) == fits


@pytest.mark.parametrize("request_members", [None, {"DocumentName": "Example-Document"}])
def test_the_type_of_an_accounts_own_document_at_aws_is_known_from_the_handshake(
    request_members: dict[str, Any] | None,
) -> None:
    assert expected_session(BARE, request_members) is None


def test_a_socket_path_survives_the_url() -> None:
    path = "/tmp/a b&c=d%2F#?é+"
    properties = {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": path}
    expected = expected_session(f"{URL}?{stream_query('Port', properties)}", None)
    assert expected is not None
    assert expected.objection(SessionStarted("Port", properties, "3.3.0.0")) == ""


def test_text_from_a_node_cannot_control_a_terminal() -> None:
    expected = expected_session(BARE, {"DocumentName": FORWARD})
    assert expected is not None
    properties = {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": "\x1b]0;owned\x07"}
    assert "\x1b" not in expected.objection(SessionStarted("Port", properties, "3.3.0.0"))


def test_a_launch_by_the_aws_cli_knows_what_it_expects() -> None:
    response = {"SessionId": "ann-0", "TokenValue": "t", "StreamUrl": BARE}
    launch = parse([json.dumps(response), "r", "StartSession", "", json.dumps({"Target": "mi-1"})], {})
    assert isinstance(launch, Launch)
    assert accepted(launch.expected) == SHELL


@pytest.mark.parametrize("agent_version", ["3.0.196.0", "3.3.0.0"])
@pytest.mark.parametrize("asked", [{}, {"DocumentName": SSH}, {"DocumentName": FORWARD}])
def test_no_socket_is_made_for_a_node_that_answers_otherwise(
    make_far_end: Any, start: Start, tmp_path: Path, asked: dict[str, Any], agent_version: str
) -> None:
    path = tmp_path / "socket"
    properties = {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": str(path)}
    far_end = make_far_end("Port", properties, agent_version)
    far_end.request = asked
    plugin = start(far_end.arguments())
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 1
    assert not path.exists()
    assert b"opened for sessionId" not in stdout
    assert b"Cannot perform start session: the node " in stderr
    assert far_end.calls == ["TerminateSession"]


def test_no_terminal_is_given_to_a_node_that_answers_a_port_with_a_shell(make_far_end: Any, start: Start) -> None:
    far_end = make_far_end("Standard_Stream")
    far_end.request = {"DocumentName": SSH}
    plugin = start(far_end.arguments(), stdin=subprocess.PIPE)
    _, stderr = plugin.communicate(b"secret", timeout=PATIENCE)
    assert plugin.returncode == 1
    assert b"of type Standard_Stream, not Port as asked for" in stderr
    assert far_end.typed == b""


def test_a_node_that_answers_what_was_asked_for_serves(make_far_end: Any, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    properties = {**FORWARDING, "localConnectionType": "unix", "localUnixSocket": str(path)}
    far_end = make_far_end("Port", properties, "3.3.0.0")
    far_end.request = {"DocumentName": SOCKET, "Parameters": {"portNumber": ["80"], "localUnixSocket": [str(path)]}}
    plugin = start(far_end.arguments())
    assert plugin.stdout is not None
    while not (line := plugin.stdout.readline()).startswith(b"Unix socket "):
        assert line
    far_end.end()
    plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 0
