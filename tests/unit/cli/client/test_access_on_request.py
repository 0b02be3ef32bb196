"""Waiting for somebody to approve access."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ferryman.cli.client import access_on_request
from ferryman.cli.client.access_on_request import with_approved_access
from ferryman.client.calls.api import Connection, Refused
from ferryman.client.calls.targets import Target
from ferryman.model.failures import Failure

NODE = Target("mi-00000000000000001", "web-1")
KEYS = {"AccessKeyId": "id", "SecretAccessKey": "secret", "SessionToken": "token"}
DATA = '{"waitingFor": "Lead", "levels": [{"name": "Lead", "approvers": ["dave", "erin"]}], "details": "not today"}'


class Server:
    """The API, as far as requests need it: the answers of GetAccessToken one after the other."""

    endpoint_url, region, profile, ca_file = "https://sessions.example.com", "us-east-1", "people", None

    def __init__(self, *statuses: str, open_request: str = "", may_see: bool = True) -> None:
        self._statuses: Iterator[str] = iter(statuses)
        self._open, self._may_see = open_request, may_see
        self.calls: list[str] = []

    def call(self, operation: str, **members: Any) -> Mapping[str, Any]:
        self.calls.append(operation)
        if operation in {"DescribeOpsItems", "GetOpsItem"} and not self._may_see:
            raise Refused("no", "", "", "AccessDeniedException")
        match operation:
            case "GetCallerIdentity":
                return {"Arn": "arn"}
            case "DescribeOpsItems":
                return {"OpsItemSummaries": [{"OpsItemId": self._open}] if self._open else []}
            case "StartAccessRequest":
                assert members["Targets"] == [{"Key": "InstanceIds", "Values": [NODE.node_id]}]
                return {"AccessRequestId": "oi-1"}
            case "GetOpsItem":
                return {"OpsItem": {"OperationalData": {"/aws/accessrequest": {"Value": DATA}}}}
            case _:
                status = next(self._statuses)
                if status == "Ctrl-C":
                    raise KeyboardInterrupt
                return {"AccessRequestStatus": status, "Credentials": KEYS if status == "Approved" else None}


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """What the API was connected to; nothing waits."""
    made: list[Connection] = []
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.setenv(name, "before")
    monkeypatch.setattr("ferryman.cli.client.access_on_request.time.sleep", lambda _: None)
    return made


def ask(server: Any, monkeypatch: pytest.MonkeyPatch, connections: list[Connection], reason: str = "why") -> Any:
    def connect(connection: Connection, service: str = "ssm") -> Any:
        connections.append(connection)
        return server

    monkeypatch.setattr(access_on_request, "connect", connect)
    return with_approved_access(server, NODE, reason)


def test_waits_until_the_request_is_approved_and_says_for_whom(
    monkeypatch: pytest.MonkeyPatch, connections: list[Connection], capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server("Pending", "Pending", "Approved")
    ask(server, monkeypatch, connections)
    assert os.environ["AWS_SESSION_TOKEN"] == "token"
    assert "AWS_PROFILE" not in os.environ
    assert connections[-1] == Connection(None, "us-east-1", "https://sessions.example.com")
    assert capsys.readouterr().err.splitlines() == [
        "Requested access to web-1: oi-1.",
        "Waiting for approval by dave, erin (level Lead). Ctrl-C stops waiting.",
        "oi-1 is approved.",
    ]


def test_a_request_that_is_still_open_is_used_again(
    monkeypatch: pytest.MonkeyPatch, connections: list[Connection]
) -> None:
    server = Server("Approved", open_request="oi-7")
    ask(server, monkeypatch, connections, reason="")
    assert "StartAccessRequest" not in server.calls


def test_an_interruption_says_how_to_continue(
    monkeypatch: pytest.MonkeyPatch, connections: list[Connection], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(Server("Pending", "Ctrl-C"), monkeypatch, connections)
    assert "oi-1 stays open. Run the same command again to continue." in capsys.readouterr().err


def test_a_request_that_is_rejected_ends_with_what_its_decider_said(
    monkeypatch: pytest.MonkeyPatch, connections: list[Connection]
) -> None:
    with pytest.raises(Failure, match="oi-1 is Rejected: not today"):
        ask(Server("Pending", "Rejected"), monkeypatch, connections)


def test_whoever_may_not_see_requests_waits_all_the_same(
    monkeypatch: pytest.MonkeyPatch, connections: list[Connection], capsys: pytest.CaptureFixture[str]
) -> None:
    ask(Server("Pending", "Approved", may_see=False), monkeypatch, connections)
    assert "Waiting for approval. Ctrl-C stops waiting." in capsys.readouterr().err


def test_a_new_request_needs_a_reason(monkeypatch: pytest.MonkeyPatch, connections: list[Connection]) -> None:
    with pytest.raises(Failure, match="--reason"):
        ask(Server(), monkeypatch, connections, reason="")
