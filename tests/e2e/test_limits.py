"""Every kind of session, by the stock AWS CLI, until the limits of its document end it: a minute each, all at once."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.e2e.conftest import PROGRAMS

pytestmark = pytest.mark.timeout(300)
SECONDS = 180.0
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


def start(ferryman: Any, document: str, silence: int) -> "subprocess.Popen[str]":
    """A client whose standard input stays open, and into which nobody types."""
    command = [str(PROGRAMS / "aws"), "ssm", "start-session", "--target", ferryman.node_id, "--document-name", document]
    return subprocess.Popen(
        command,
        env=ferryman.environment,
        stdin=silence,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def said(ferryman: Any) -> Iterator[dict[str, str]]:
    """What each client had said when its session was over, by document."""
    ssm = ferryman.client("ssm")
    running: dict[str, subprocess.Popen[str]] = {}
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        silence, speech = os.pipe()
        stack.callback(os.close, silence)
        stack.callback(os.close, speech)
        for limit in LIMITS:
            for kind, body in kinds(server.getsockname()[1]).items():
                content = {"schemaVersion": "1.0", **body, "inputs": {limit: "1"}}
                name = f"{kind}-{limit}"
                ssm.create_document(Name=name, DocumentType="Session", Content=json.dumps(content))
                running[name] = start(ferryman, name, silence)
        try:
            yield {name: process.communicate(timeout=SECONDS)[0] for name, process in running.items()}
        finally:
            for process in running.values():
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.communicate()


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", kinds(0))
def test_a_limit_ends_the_session_and_its_person_reads_why(
    ferryman: Any, said: dict[str, str], kind: str, limit: str
) -> None:
    name = f"{kind}-{limit}"
    assert LIMITS[limit] in said[name]
    history = ferryman.client("ssm").describe_sessions(State="History")["Sessions"]
    [row] = [each for each in history if each["DocumentName"] == name]
    assert (row["Status"], row["Details"]) == ("Terminated", LIMITS[limit])
