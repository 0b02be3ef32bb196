"""Clients that are interrupted, killed or hung up on, with the stock AWS CLI and OpenSSH's way of starting it."""

import os
import re
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.timeout(300)
PROGRAMS = Path(sys.executable).parent
FORWARD = ("AWS-StartPortForwardingSession", "portNumber=9")
OPENED = r"Port (\d+) opened .*"


def start_session(ferryman: Any, document: str, parameters: str) -> list[str]:
    """The command line of a session of a document."""
    return [
        str(PROGRAMS / "aws"),
        *("ssm", "start-session", "--target", ferryman.node_id),
        *("--document-name", document, "--parameters", parameters),
    ]


@pytest.mark.parametrize(
    ("document", "parameters", "told", "complaint"),
    [
        (*FORWARD, OPENED, r"\n?"),
        (
            "AWS-StartNonInteractiveCommand",
            '{"command":["sh -c \\"echo on; sleep 100\\""]}',
            "(on)\n",
            r"(?s).* status 130\.\n",
        ),
    ],
)
def test_an_interrupt_ends_the_session_without_a_word(
    ferryman: Any, document: str, parameters: str, told: str, complaint: str, until: Callable[..., Any]
) -> None:
    command = start_session(ferryman, document, parameters)
    with ferryman.running(command, told) as (process, _):
        session = ferryman.client("ssm").describe_sessions(State="Active")["Sessions"][0]["SessionId"]
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert re.fullmatch(complaint, stderr), stderr
    assert "onnection" not in stderr
    until(lambda: ferryman.session_row(session)["Status"] == "Terminated")


def test_a_killed_aws_takes_its_plugin_along(ferryman: Any) -> None:
    with ferryman.running(start_session(ferryman, *FORWARD), OPENED) as (process, port):
        (plugin,) = psutil.Process(process.pid).children()
        process.kill()
        plugin.wait(20)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)))


def test_under_nohup_a_forward_outlives_the_hang_up(ferryman: Any) -> None:
    command = ["nohup", *start_session(ferryman, *FORWARD)]
    with ferryman.running(command, OPENED) as (process, port):
        os.killpg(process.pid, signal.SIGHUP)
        socket.create_connection(("127.0.0.1", int(port))).close()
        assert process.poll() is None
