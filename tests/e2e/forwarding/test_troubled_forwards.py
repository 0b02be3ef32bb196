"""Connections that cannot be had or kept: the local one is told at once, its person is told why, the forward stays."""

import contextlib
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.waiting import AT_ONCE, PATIENCE, program_start, seconds_of, wait_until

pytestmark = pytest.mark.usefixtures("no_sessions")
HOSTS = [
    pytest.param("224.0.0.1", "Network is unreachable", id="unreachable"),
    pytest.param(64 * "a" + ".invalid", "cannot resolve", id="resolver"),
]
"""No TCP connection leads to a multicast address, and no resolver asks for a label of 64 characters."""


@contextlib.contextmanager
def complaining(ferryman: Ferryman, command: list[str], told: str) -> Iterator[tuple[list[str], str]]:
    """Run a forward; the lines of its standard error as they come, and the match of `told`."""
    lines: list[str] = []
    with ferryman.running(command, told) as (process, found):
        assert process.stderr is not None
        reader = threading.Thread(target=lines.extend, args=(iter(process.stderr.readline, ""),))
        reader.start()
        try:
            yield lines, found
        finally:
            os.killpg(process.pid, signal.SIGINT)  # the AWS CLI's plugin, too
            process.wait(PATIENCE)
            reader.join(PATIENCE)


def is_reset_at_once(port: int) -> None:
    """The listener takes the connection, and it is over; the reset may come while ours still looks at its success."""

    def connect() -> None:
        with (
            contextlib.suppress(ConnectionResetError),
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client,
        ):
            assert client.recv(1) == b""

    assert seconds_of(connect) < AT_ONCE * program_start()


@pytest.mark.parametrize(("host", "reason"), HOSTS)
def test_through_the_aws_cli(ferryman: Ferryman, host: str, reason: str) -> None:
    command = [AWS, "ssm", "start-session", "--target", ferryman.node_id]
    command += ["--document-name", "AWS-StartPortForwardingSessionToRemoteHost"]
    command += ["--parameters", f"host={host},portNumber=80,localPortNumber=0"]
    opened = r"(Port \d+ opened for sessionId \S+)\."
    with complaining(ferryman, command, opened) as (lines, found):
        _, port, *_, session_id = found.split()
        for count in (1, 2):  # the session is still there for the second
            is_reset_at_once(int(port))
            wait_until(lambda: len([line for line in lines if reason in line]) >= count)  # noqa: B023 called at once
        assert ferryman.session_row(session_id)["Status"] == "Connected"


@pytest.mark.parametrize(("host", "reason"), HOSTS)
def test_through_ferryman_forward(ferryman: Ferryman, host: str, reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reachable = server.getsockname()[1]
        command = [FERRYMAN, "forward", ferryman.node_id, f"0:{host}:80", f"0:{reachable}"]
        with complaining(ferryman, [*command, "--json"], r"(\{.+\})") as (lines, found):
            ports = [int(each["listen"].rpartition(":")[2]) for each in json.loads(found)["forwards"]]
            is_reset_at_once(ports[0])
            wait_until(lambda: [line for line in lines if host in line and reason in line])
            with socket.create_connection(("127.0.0.1", ports[1]), timeout=PATIENCE) as ours:
                theirs, _ = server.accept()
                with theirs:
                    ours.sendall(b"ping")
                    assert theirs.recv(4) == b"ping"
            is_reset_at_once(ports[0])
            rows = ferryman.active_sessions()
            assert [row["Status"] for row in rows] == ["Connected", "Connected"]


def says_ended(lines: list[str], session_id: str) -> bool:
    return any(session_id in line and "ended" in line for line in lines)


def test_a_forward_reports_that_its_session_was_ended_and_starts_another(ferryman: Ferryman) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        reachable = server.getsockname()[1]
        command = [FERRYMAN, "forward", ferryman.node_id, f"0:{reachable}", "--json"]
        with complaining(ferryman, command, r"(\{.+\})") as (lines, found):
            port = int(json.loads(found)["forwards"][0]["listen"].rpartition(":")[2])
            ssm = ferryman.client("ssm")
            for _ in range(2):
                with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as ours:
                    theirs, _ = server.accept()
                    with theirs:
                        ours.sendall(b"ping")
                        assert theirs.recv(4) == b"ping"
                        [row] = ferryman.active_sessions()
                        told = len(lines)
                        ssm.terminate_session(SessionId=row["SessionId"])
                        wait_until(lambda: says_ended(lines[told:], row["SessionId"]))  # noqa: B023 called at once
                        wait_until(ferryman.has_no_sessions)
