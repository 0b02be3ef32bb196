"""Forwarded ports: the real command, real sockets, a scripted node at the other end of smux."""

import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.ports import free_port
from tests.waiting import PATIENCE, program_start

SESSION_ID = "ann-0123456789abcdef0"
START_TEXT = f"\nStarting session with SessionId: {SESSION_ID}\n"
END_TEXT = f"\n\nExiting session with sessionId: {SESSION_ID}.\n\n"
ACCEPTED = f"\nConnection accepted for session [{SESSION_ID}]\n"
Start = Callable[..., subprocess.Popen[bytes]]


def port_of(plugin: subprocess.Popen[bytes]) -> int:
    """The port that the plugin says it has opened."""
    assert plugin.stdout is not None
    text = b""
    while not text.endswith(b"Waiting for connections...\n"):
        line = plugin.stdout.readline()
        assert line, text
        text += line
    found = re.fullmatch(rf"{START_TEXT}Port (\d+) opened for sessionId {SESSION_ID}\.\nWaiting .*\n".encode(), text)
    assert found, text
    return int(found[1])


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        yield connection


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end of the other direction."""
    data = b""
    while piece := connection.recv(65_536):
        data += piece
    return data


def read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


def exchange(port: int, data: bytes) -> bytes:
    """Send `data`, end the direction, and return all that comes back."""
    with connected(port) as connection, concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(read_all, connection)
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return answer.result(PATIENCE)


def send_until_stalled(connection: socket.socket) -> int:
    """Send as long as it is taken, at most 64 MiB; return how much was."""
    connection.settimeout(0.5)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 64 << 20:
            sent += connection.send(bytes(1 << 16))
    return sent


def interrupted(plugin: subprocess.Popen[bytes], number: int = signal.SIGINT) -> tuple[int, str, str]:
    """Status and texts of a plugin that a person interrupts."""
    plugin.send_signal(number)
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    return plugin.returncode, stdout.decode(), stderr.decode()


def interrupted_unread(plugin: subprocess.Popen[bytes]) -> int:
    plugin.send_signal(signal.SIGINT)
    return plugin.wait(PATIENCE)


def test_a_connection_goes_there_and_back_and_keeps_its_half_close(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    data = os.urandom(700_000)
    assert exchange(port, data) == data  # the echo goes on after the client's end
    assert streams.opened == [3]
    assert streams.over == {3: None}
    status, stdout, stderr = interrupted(plugin)
    assert (status, stderr) == (0, "")
    assert stdout == ACCEPTED + "Terminate signal received, exiting.\n" + END_TEXT
    assert far_end.flags == [2]
    assert far_end.calls == []


def test_a_hundred_concurrent_connections_are_forwarded(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    sent = [os.urandom(40_000 + 17 * number) for number in range(100)]
    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        assert list(pool.map(exchange, [port] * 100, sent)) == sent
    assert len(streams.opened) == 100
    assert interrupted(plugin)[0] == 0


def test_the_other_end_may_speak_first(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    port = port_of(start(far_end.arguments()))
    with connected(port) as connection:
        far_end.until(lambda: streams.opened)
        streams.say(3, b"SSH-2.0-x\r\n", end=True)
        assert read_all(connection) == b"SSH-2.0-x\r\n"
        connection.sendall(b"still here")
        far_end.until(lambda: streams.received[3] == b"still here")


def test_a_connection_that_the_node_cannot_make_is_reset_immediately(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    streams.refusal, streams.flag_refusals = "Connection refused", True
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    for _ in range(2):
        with pytest.raises(ConnectionResetError), connected(port) as connection:
            connection.recv(1)
    streams.refusal = None
    assert exchange(port, b"now it is there") == b"now it is there"
    status, stdout, stderr = interrupted(plugin)
    assert status == 0
    assert stdout.count("\nConnection to destination port failed, check SSM Agent logs.\n") == 2
    assert stderr == "\nThe node closed a connection: Connection refused\n" * 2


def test_a_program_that_goes_away_resets_its_stream(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    streams.ends_at_once = False
    port = port_of(start(far_end.arguments()))
    connection = socket.create_connection(("127.0.0.1", port))
    far_end.until(lambda: streams.opened)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
    far_end.until(lambda: streams.over)
    assert streams.over[3]


def test_a_program_that_does_not_read_stops_no_other_and_grows_nothing(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    assert exchange(port, b"warm") == b"warm"
    with connected(port) as stalled:
        far_end.until(lambda: len(streams.opened) == 2)
        before = psutil.Process(plugin.pid).memory_info().rss
        streams.say(streams.opened[1], bytes(64 << 20))
        data = os.urandom(3_000_000)
        assert exchange(port, data) == data
        assert psutil.Process(plugin.pid).memory_info().rss - before < 24 << 20
        remaining = 64 << 20
        while remaining:
            remaining -= len(stalled.recv(1 << 20))
    assert interrupted(plugin)[0] == 0


def test_a_destination_that_does_not_read_stops_its_sender(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    streams.hold = True
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    with connected(port) as stalled:
        sent = send_until_stalled(stalled)
        far_end.until(lambda: streams.opened)
        streams.hold = False
        assert exchange(port, b"another") == b"another"
        assert sent < 16 << 20


def test_a_connection_survives_lost_ones_to_the_server(forwarding: Any, start: Start) -> None:
    far_end, _ = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    data = os.urandom(2_000_000)
    with connected(port) as connection, concurrent.futures.ThreadPoolExecutor(1) as pool:
        answer = pool.submit(read_all, connection)
        for begin in range(0, len(data), 400_000):
            connection.sendall(data[begin : begin + 400_000])
            openings = len(far_end.openings)
            far_end.cut()
            far_end.until(lambda openings=openings: len(far_end.openings) > openings)
        connection.shutdown(socket.SHUT_WR)
        assert answer.result(PATIENCE) == data
    assert far_end.calls.count("ResumeSession") >= 5
    assert interrupted(plugin)[0] == 0


def test_with_awss_agent_a_stream_ends_as_a_whole(forwarding: Any, make_far_end: Any, start: Start) -> None:
    far_end, streams = forwarding(version=1)
    far_end.plain = True
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    with connected(port) as connection:
        connection.sendall(b"x" * 5000)
        assert read(connection, 5000) == b"x" * 5000
        streams.say(3, b"last words", end=True)
        assert read_all(connection) == b"last words"
    assert max(far_end.payload_sizes) <= 1024
    assert interrupted(plugin)[0] == 0


def test_an_agent_that_waits_for_signs_of_life_gets_them(make_far_end: Any, start: Start) -> None:
    properties = {"type": "LocalPortForwarding", "portNumber": "80", "localPortNumber": "0"}
    far_end = make_far_end("Port", properties, "3.1.1511.0")
    far_end.plain = True
    port_of(start(far_end.arguments()))
    far_end.until(lambda: far_end.typed)
    assert far_end.typed == bytes.fromhex("0103000000000000")


def test_nobody_needs_to_read_the_texts(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    assert plugin.stdout is not None
    plugin.stdout.close()
    plugin.stdout = None
    for _ in range(2):
        assert exchange(port, b"there and back") == b"there and back"
    assert interrupted_unread(plugin) == 0
    assert far_end.flags == [2]
    assert not streams.failure


def test_a_busy_port_is_an_error(forwarding: Any, start: Start) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        far_end, _ = forwarding(localPortNumber=str(port))
        plugin = start(far_end.arguments())
        stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 1
    error = f"Cannot perform start session: listen tcp 127.0.0.1:{port}: bind: address already in use\n"
    assert (stdout.decode(), stderr.decode()) == ("", START_TEXT + error)
    assert far_end.calls == ["TerminateSession"]


def test_a_chosen_port_is_the_one_opened(forwarding: Any, start: Start) -> None:
    port = free_port()
    far_end, _ = forwarding(localPortNumber=str(port))
    assert port_of(start(far_end.arguments())) == port


def test_a_unix_socket_listens_for_its_owner_and_leaves_nothing(forwarding: Any, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "db.sock"
    with socket.socket(socket.AF_UNIX) as earlier:
        earlier.bind(str(path))  # a file that nobody listens on any more
    far_end, _ = forwarding(localConnectionType="unix", localUnixSocket=str(path))
    plugin = start(far_end.arguments())
    assert plugin.stdout is not None
    while plugin.stdout.readline() != b"Waiting for connections...\n":
        pass
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"select 1")
        assert read(connection, 8) == b"select 1"
    assert interrupted(plugin)[0] == 0
    assert not path.exists()


def test_a_unix_socket_that_is_in_use_is_an_error(forwarding: Any, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "db.sock"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen()
        far_end, _ = forwarding(localConnectionType="unix", localUnixSocket=str(path))
        plugin = start(far_end.arguments())
        _, stderr = plugin.communicate(timeout=PATIENCE)
        assert plugin.returncode == 1
        assert f"listen unix {path}: bind: address already in use" in stderr.decode()
        assert path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_fatal_signals_end_the_session_at_the_node(forwarding: Any, start: Start, number: signal.Signals) -> None:
    far_end, _ = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    with connected(port) as connection:
        assert interrupted(plugin, number)[0] == 128 + number
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    assert far_end.flags == [2]
    assert far_end.calls == []


def test_an_interrupt_during_an_outage_tells_the_server(forwarding: Any, start: Start) -> None:
    far_end, _ = forwarding()
    far_end.resume = lambda: (503, {})
    plugin = start(far_end.arguments())
    port_of(plugin)
    far_end.cut()
    far_end.until(lambda: "ResumeSession" in far_end.calls)
    assert interrupted(plugin)[0] == 0
    assert far_end.calls[-1] == "TerminateSession"


def test_the_servers_end_is_reported_and_the_port_closed(forwarding: Any, start: Start) -> None:
    far_end, _ = forwarding()
    plugin = start(far_end.arguments())
    port = port_of(plugin)
    far_end.end("Idle for too long.")
    stdout, _ = plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 0
    assert stdout.decode() == f"\n\nSessionId: {SESSION_ID} : Idle for too long.\n\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_node_that_breaks_the_protocol_ends_the_session(forwarding: Any, start: Start) -> None:
    far_end, _ = forwarding()
    plugin = start(far_end.arguments())
    port_of(plugin)
    far_end.say(b"\x07 is no version of smux")
    _, stderr = plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 1
    assert b"the node broke the protocol of port forwarding: smux version 7 is not 2" in stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_end_without_an_acknowledgement_needs_no_further_call(
    forwarding: Any, start: Start, number: signal.Signals
) -> None:
    far_end, _ = forwarding()
    far_end.ends_unacknowledged = True
    plugin = start(far_end.arguments())
    port_of(plugin)
    assert interrupted(plugin, number)[2] == ""
    assert far_end.calls == []


def test_a_port_that_nobody_uses_is_closed_in_the_end(forwarding: Any, start: Start) -> None:
    far_end, streams = forwarding()
    plugin = start(far_end.arguments(), extra={"FERRYMAN_FORWARD_IDLE_SECONDS": "0.5"})
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert f"SessionId: {SESSION_ID} : The port had no connection for 0.5 s.".encode() in stdout
    assert (plugin.returncode, stderr, far_end.calls) == (0, b"", [])
    assert far_end.flags == [2]
    assert streams.opened == []


def test_an_unused_connection_keeps_its_port_open(forwarding: Any, start: Start) -> None:
    far_end, _ = forwarding()
    idle = 10 * program_start()
    plugin = start(far_end.arguments(), extra={"FERRYMAN_FORWARD_IDLE_SECONDS": f"{idle}"})
    with connected(port_of(plugin)) as connection:
        with pytest.raises(subprocess.TimeoutExpired):
            plugin.wait(2 * idle)
        connection.sendall(b"still here")
        assert read(connection, 10) == b"still here"
    assert plugin.wait(PATIENCE) == 0


def test_a_program_started_under_nohup_outlives_a_hang_up(forwarding: Any, start: Start) -> None:
    far_end, _ = forwarding()
    plugin = start(far_end.arguments(), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    port = port_of(plugin)
    plugin.send_signal(signal.SIGHUP)
    assert exchange(port, b"still here") == b"still here"
    assert interrupted(plugin)[0] == 0
