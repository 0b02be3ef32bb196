"""Clients that are interrupted, killed or hung up on, with the stock AWS CLI and OpenSSH's way of starting it."""

import os
import re
import signal
import socket

import psutil
import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS
from tests.waiting import PATIENCE, wait_until

FORWARD = ("AWS-StartPortForwardingSession", "portNumber=9")
OPENED = r"Port (\d+) opened .*"


def start_session(ferryman: Ferryman, document: str, parameters: str) -> list[str]:
    """The command line of a session of a document."""
    return [
        AWS,
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
    ferryman: Ferryman, document: str, parameters: str, told: str, complaint: str
) -> None:
    command = start_session(ferryman, document, parameters)
    with ferryman.running(command, told) as (process, _):
        session = ferryman.active_sessions()[0]["SessionId"]
        os.killpg(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=PATIENCE)
    assert re.fullmatch(complaint, stderr), stderr
    assert "onnection" not in stderr
    wait_until(lambda: ferryman.session_row(session)["Status"] == "Terminated")


def test_a_killed_aws_ends_its_plugin(ferryman: Ferryman) -> None:
    with ferryman.running(start_session(ferryman, *FORWARD), OPENED) as (process, port):
        (plugin,) = psutil.Process(process.pid).children()
        process.kill()
        plugin.wait(PATIENCE)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(port)))


def test_under_nohup_a_forward_outlives_the_hang_up(ferryman: Ferryman) -> None:
    command = ["nohup", *start_session(ferryman, *FORWARD)]
    with ferryman.running(command, OPENED) as (process, port):
        os.killpg(process.pid, signal.SIGHUP)
        socket.create_connection(("127.0.0.1", int(port))).close()
        assert process.poll() is None
