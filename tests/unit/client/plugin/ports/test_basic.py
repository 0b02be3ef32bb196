"""Forwarded ports with agents that do not multiplex: one connection after another, raw bytes."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.waiting import PATIENCE

SESSION_ID = "ann-0123456789abcdef0"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def basic(make_far_end: Any) -> Callable[..., Any]:
    """Make far ends of an older agent."""

    def basic(agent_version: str = "3.0.196.0") -> Any:
        properties = {"type": "LocalPortForwarding", "portNumber": "80", "localPortNumber": "0"}
        far_end = make_far_end("Port", properties, agent_version)
        far_end.plain = True
        return far_end

    return basic


def port_of(plugin: subprocess.Popen[bytes]) -> int:
    assert plugin.stdout is not None
    while not (line := plugin.stdout.readline()).startswith(b"Port "):
        assert line
    found = re.fullmatch(rf"Port (\d+) opened for sessionId {SESSION_ID}\.\n".encode(), line)
    assert found, line
    return int(found[1])


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


def test_connections_come_one_after_another(basic: Any, start: Start) -> None:
    far_end = basic()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    far_end.say(b"greeting ")  # before anybody is there to hear it
    first = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    assert read(first, 9) == b"greeting "
    second = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    second.sendall(b"second")
    first.sendall(b"first\n")
    far_end.until(lambda: far_end.typed == b"first\n")
    first.close()
    far_end.until(lambda: far_end.typed == b"first\nsecond")
    assert far_end.flags == [1]
    far_end.say(b"for the second")
    assert read(second, 14) == b"for the second"
    second.close()
    far_end.until(lambda: far_end.flags == [1, 1])
    plugin.send_signal(signal.SIGINT)
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert (plugin.returncode, stderr) == (0, b"")
    end = f"Terminate signal received, exiting.\n\n\nExiting session with sessionId: {SESSION_ID}.\n\n"
    assert stdout.decode() == f"Connection accepted for session {SESSION_ID}.\n{end}"
    assert far_end.flags == [1, 1, 2]


def test_unread_output_of_a_connection_is_not_given_to_the_next(basic: Any, start: Start) -> None:
    far_end = basic()
    port = port_of(start(far_end.arguments()))
    first = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    first.sendall(b"first")
    far_end.until(lambda: far_end.typed)
    far_end.say(os.urandom(800_000))
    while not far_end.all_acknowledged() and len(first.recv(800_000, socket.MSG_PEEK)) < 50_000:
        pass
    first.close()
    far_end.until(lambda: far_end.flags)
    while not far_end.all_acknowledged():  # as an agent that has dropped the rest
        pass
    second = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    second.sendall(b"second")
    far_end.until(lambda: far_end.typed == b"firstsecond")
    far_end.say(b"answer")
    assert read(second, 6) == b"answer"
    second.close()


def test_much_passes_both_ways_over_lost_connections(basic: Any, start: Start) -> None:
    far_end = basic("three.0")
    port = port_of(start(far_end.arguments()))
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        data = os.urandom(600_000)
        connection.sendall(data[:300_000])
        far_end.cut()
        connection.sendall(data[300_000:])
        far_end.until(lambda: len(far_end.typed) == len(data))
        assert far_end.typed == data
        far_end.say(data)
        far_end.cut()
        assert read(connection, len(data)) == data


def test_the_oldest_agents_are_ended_by_the_server(basic: Any, start: Start) -> None:
    far_end = basic("2.3.722.0")
    plugin = start(far_end.arguments())
    port_of(plugin)
    plugin.send_signal(signal.SIGINT)
    assert plugin.wait(PATIENCE) == 0
    assert far_end.flags == []
    assert far_end.calls == ["TerminateSession"]
