"""Sessions, some by the AWS CLI, until a document or just-in-time access ends them; the server's clock is moved."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.clocks.moved_clock import MovedFerryman, moved_ferryman
from tests.e2e.people import Person, person
from tests.e2e.processes.programs import AWS
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until

MINUTE = 60.0
WINDOW = 60
"""Seconds of just-in-time access, the fewest there are."""
MARGIN = 30.0
APPROVAL_POLICY = {
    "schemaVersion": "0.3",
    "accessDuration": WINDOW,
    "mainSteps": [{"name": "Lead", "action": "aws:approve", "inputs": {"Approvers": ["dave"]}}],
}
COMMAND = {"linux": {"commands": "sleep 600", "runAsElevated": False}}
LIMITS = {
    "idleSessionTimeout": "The session was idle for 1 minute.",
    "maxSessionDuration": "The session reached its maximum duration of 1 minute.",
}


def kinds(port: int) -> dict[str, dict[str, Any]]:
    """What a document says of its kind."""
    return {
        "Shell": {"sessionType": "Standard_Stream"},
        "Interactive": {"sessionType": "InteractiveCommands", "properties": COMMAND},
        "NonInteractive": {"sessionType": "NonInteractiveCommands", "properties": COMMAND},
        "Forward": {
            "sessionType": "Port",
            "properties": {"portNumber": str(port), "type": "LocalPortForwarding", "localPortNumber": "0"},
        },
        "Stdio": {"sessionType": "Port", "properties": {"portNumber": str(port)}},
    }


def start(ferryman: MovedFerryman, document: str, silence: int, said: Path) -> "subprocess.Popen[bytes]":
    """A client whose standard input stays open, and into which nobody types; for a shell, it is under the AWS CLI."""
    command = [AWS, "ssm", "start-session", "--target", ferryman.node_id, "--document-name", document]
    if not document.startswith("Shell-"):
        ticket = ferryman.client("ssm").start_session(Target=ferryman.node_id, DocumentName=document)
        command = ferryman.plugin_command(ticket)
    with said.open("wb") as output:
        return subprocess.Popen(
            command,
            env=ferryman.environment,
            stdin=silence,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.fixture(scope="module")
def ferryman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MovedFerryman]:
    """One for the module's tests."""
    with moved_ferryman(tmp_path_factory.mktemp("moved")) as running:
        yield running


@pytest.fixture(scope="module")
def said(ferryman: MovedFerryman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What each client had said when its session was over, by document."""
    ssm = ferryman.client("ssm")
    directory = tmp_path_factory.mktemp("said")
    running: dict[str, subprocess.Popen[bytes]] = {}

    def connected() -> bool:
        rows = ferryman.active_sessions()
        return {row["DocumentName"] for row in rows if row["Status"] == "Connected"} >= set(running)

    def prompted() -> bool:
        return all(re.search("[$#] ", (directory / f"Shell-{limit}").read_text()) for limit in LIMITS)

    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        silence, speech = os.pipe()
        stack.callback(os.close, silence)
        stack.callback(os.close, speech)
        try:
            with ferryman.time_stands_still():
                for limit in LIMITS:
                    for kind, body in kinds(server.getsockname()[1]).items():
                        content = {"schemaVersion": "1.0", **body, "inputs": {limit: "1"}}
                        name = f"{kind}-{limit}"
                        ssm.create_document(Name=name, DocumentType="Session", Content=json.dumps(content))
                        running[name] = start(ferryman, name, silence, directory / name)
                wait_until(lambda: connected() and prompted())
                ferryman.advance(MINUTE - MARGIN)
                assert connected()
                ferryman.advance(MARGIN + 1)
            for process in running.values():
                process.wait(PATIENCE)
            yield {name: (directory / name).read_text() for name in running}
        finally:
            for process in running.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", kinds(0))
def test_a_limit_ends_the_session_and_its_person_reads_why(
    ferryman: MovedFerryman, said: dict[str, str], kind: str, limit: str
) -> None:
    name = f"{kind}-{limit}"
    assert LIMITS[limit] in said[name]
    ssm = ferryman.client("ssm")

    def ended() -> dict[str, Any] | None:  # which the client may know a moment earlier
        rows = ssm.describe_sessions(State="History")["Sessions"]
        return next((row for row in rows if row["DocumentName"] == name), None)

    row = wait_until(ended)
    assert (row["Status"], row["Details"]) == ("Terminated", LIMITS[limit])


def test_a_client_that_never_comes_fails_the_session(ferryman: MovedFerryman) -> None:
    with ferryman.time_stands_still():
        session_id = ferryman.client("ssm").start_session(Target=ferryman.node_id)["SessionId"]
        assert ferryman.session_row(session_id)["Status"] == "Connecting"
        ferryman.advance(MINUTE + 1)
    row = wait_until(lambda: (r := ferryman.session_row(session_id))["Status"] == "Failed" and r)
    assert "client" in row["Details"]


def refusal(call: Callable[..., Any], **members: Any) -> str:
    """The error that a call is refused with."""
    with pytest.raises(ClientError) as refused:
        call(**members)
    return str(refused.value.response["Error"]["Code"])


def test_a_request_becomes_a_shell_that_ends_with_its_window(ferryman: MovedFerryman, open_shell: OpenShell) -> None:
    carol = person(ferryman, "carol", "ssm:StartAccessRequest", "ssm:GetAccessToken")
    dave = person(ferryman, "dave", "ssm:SendAutomationSignal", "ssm:GetOpsItem")
    ssm, hers = ferryman.client("ssm"), carol.client("ssm")
    with ferryman.time_stands_still():
        ssm.create_document(Name="People", DocumentType="ManualApprovalPolicy", Content=json.dumps(APPROVAL_POLICY))
        assert refusal(hers.start_session, Target=ferryman.node_id) == "AccessDeniedException"

        targets = f"Key=InstanceIds,Values={ferryman.node_id}"
        started = carol.aws("ssm", "start-access-request", "--reason", "disk full", "--targets", targets)
        request_id = json.loads(started.stdout)["AccessRequestId"]
        assert hers.get_access_token(AccessRequestId=request_id)["AccessRequestStatus"] == "Pending"
        assert dave.ferryman("access", "approve", request_id, "--comment", "go ahead") == f"{request_id} Approved"

        given = json.loads(carol.aws("ssm", "get-access-token", "--access-request-id", request_id).stdout)[
            "Credentials"
        ]
        keys = {"access_key_id": given["AccessKeyId"], "secret_access_key": given["SecretAccessKey"]}
        allowed = Person(carol.facts | keys, carol.process, given["SessionToken"])
        shell = open_shell(allowed)
        session_id = shell.session_id()
        shell.prompt()
        assert session_id.startswith("carol-")
        standard = ssm.start_session(Target=ferryman.node_id)["SessionId"]
        filters = [{"key": "AccessType", "value": "JustInTime"}]
        rows = ssm.describe_sessions(State="Active", Filters=filters)["Sessions"]
        assert [row["SessionId"] for row in rows] == [session_id]
        ssm.terminate_session(SessionId=standard)

        ferryman.advance(WINDOW + 1)
    cause = f"The access of {request_id} has ended."
    shell.expect(cause.replace(".", r"\."))
    shell.end()
    wait_until(lambda: ferryman.session_row(session_id)["Status"] == "Terminated")
    assert ferryman.session_row(session_id)["Details"] == cause
    assert hers.get_access_token(AccessRequestId=request_id)["AccessRequestStatus"] == "Expired"
    late = allowed.client("ssm", aws_session_token=given["SessionToken"])
    assert refusal(late.start_session, Target=ferryman.node_id) == "ExpiredTokenException"


def refuses_our_time(ssm: Any) -> bool:
    """Whether the server's clock is far from ours."""
    try:
        ssm.describe_sessions(State="Active")
    except ClientError:
        return True
    return False


def test_a_clock_that_is_set_ends_no_session(ferryman: MovedFerryman, tmp_path: Path) -> None:
    ssm = ferryman.client("ssm")
    content = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream"})
    ssm.create_document(Name="Shell", DocumentType="Session", Content=content)

    def connected() -> str:
        rows = [row for row in ferryman.active_sessions() if row["DocumentName"] == "Shell"]
        return next((str(row["SessionId"]) for row in rows if row["Status"] == "Connected"), "")

    silence, speech = os.pipe()
    process = start(ferryman, "Shell", silence, tmp_path / "said")
    try:
        session_id = wait_until(connected)
        before = ferryman.session_row(session_id)["StartDate"]
        ferryman.set_clock(3600)
        wait_until(lambda: refuses_our_time(ssm))
        ferryman.set_clock(-3600)
        wait_until(lambda: not refuses_our_time(ssm))
        moved = abs(ferryman.session_row(session_id)["StartDate"] - before)
        assert moved < timedelta(minutes=1)  # the clocks are read one after the other
        assert ferryman.session_row(session_id)["Status"] == "Connected"
        assert process.poll() is None
    finally:
        ssm.terminate_session(SessionId=session_id)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)
        os.close(silence)
        os.close(speech)
