"""Port sessions over standard input and output: what ssh sees of its ProxyCommand."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.waiting import AT_ONCE, PATIENCE, program_start

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def ssh_port(make_far_end: Any) -> Any:
    """The far end of an SSH session."""
    return make_far_end("Port", {"portNumber": "22"})


def running(far_end: Any, start: Start) -> subprocess.Popen[bytes]:
    """A plugin whose session has started: the first byte has arrived."""
    plugin = start(far_end.arguments())
    assert plugin.stdin is not None
    plugin.stdin.write(b"!")
    plugin.stdin.flush()
    far_end.until(lambda: far_end.typed == b"!")
    return plugin


def test_bytes_pass_as_they_are_and_nothing_else_is_written(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments())
    assert plugin.stdin is not None
    assert plugin.stdout is not None
    ssh_port.started.wait(PATIENCE)
    sent = b""
    for piece in (b"\n", b"\r", b"\x03", b"~.\n~.", b"\x00\xff\n", b"A" * 1024 + b"\n"):
        plugin.stdin.write(piece)
        plugin.stdin.flush()
        sent += piece
        ssh_port.until(lambda sent=sent: ssh_port.typed == sent)
    ssh_port.say(b"\n")
    assert plugin.stdout.read(1) == b"\n"
    output = bytes(range(256)) * 200
    ssh_port.say(output)
    assert plugin.stdout.read(len(output)) == output
    ssh_port.end()
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert (plugin.returncode, stdout, stderr) == (0, b"", b"")
    assert ssh_port.sizes == []


def test_the_end_of_input_is_passed_on_and_the_rest_still_arrives(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments())
    request = os.urandom(1_500_000)
    assert plugin.stdin is not None
    plugin.stdin.write(request)
    plugin.stdin.close()
    plugin.stdin = None
    ssh_port.until(lambda: ssh_port.flags)
    assert ssh_port.typed == request
    assert ssh_port.flags == [4]
    ssh_port.say(b"the answer")
    ssh_port.end()
    assert plugin.communicate(timeout=PATIENCE) == (b"the answer", b"")
    assert plugin.returncode == 0
    assert ssh_port.calls == []


def test_awss_agent_is_asked_to_end_once_the_port_is_silent(ssh_port: Any, start: Start) -> None:
    ssh_port.plain = True
    plugin = start(ssh_port.arguments(), stdin=subprocess.DEVNULL)
    assert ssh_port.started.wait(PATIENCE)
    ssh_port.say(b"the answer")
    assert plugin.communicate(timeout=PATIENCE) == (b"the answer", b"")
    assert plugin.returncode == 0
    assert ssh_port.flags == [2]


def test_the_cause_is_printed_on_standard_error(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments())
    assert ssh_port.started.wait(PATIENCE)
    ssh_port.end("Idle for too long.")
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert (plugin.returncode, stdout) == (0, b"")
    assert b"SessionId: ann-0123456789abcdef0 : Idle for too long." in stderr


def test_a_reader_that_stalls_stops_the_far_end(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments())
    assert ssh_port.started.wait(PATIENCE)
    output = os.urandom(900_000)
    ssh_port.say(output)
    assert plugin.stdin is not None
    plugin.stdin.write(b"go on")
    plugin.stdin.flush()
    ssh_port.until(lambda: ssh_port.typed == b"go on")
    assert not ssh_port.all_acknowledged()
    assert plugin.stdout is not None
    assert plugin.stdout.read(len(output)) == output


def test_a_reader_that_goes_away_ends_the_session(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments())
    assert ssh_port.started.wait(PATIENCE)
    assert plugin.stdout is not None
    plugin.stdout.close()
    plugin.stdout = None
    ssh_port.say(b"for nobody")
    assert plugin.wait(PATIENCE) == 1
    assert ssh_port.flags == [2]
    assert ssh_port.calls == []


def test_signals_of_the_terminal_are_for_the_program_that_uses_us(ssh_port: Any, start: Start) -> None:
    plugin = running(ssh_port, start)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        plugin.send_signal(number)
    assert plugin.stdin is not None
    plugin.stdin.write(b"goes on")
    plugin.stdin.flush()
    ssh_port.until(lambda: ssh_port.typed == b"!goes on")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_fatal_signals_end_the_session_at_the_node(ssh_port: Any, start: Start, number: signal.Signals) -> None:
    plugin = running(ssh_port, start)
    plugin.send_signal(number)
    assert plugin.wait(PATIENCE) == 128 + number
    assert ssh_port.flags == [2]


def test_a_fatal_signal_ends_it_though_nobody_reads(ssh_port: Any, start: Start) -> None:
    plugin = running(ssh_port, start)
    ssh_port.say(os.urandom(300_000))
    began = time.monotonic()
    plugin.send_signal(signal.SIGTERM)
    assert plugin.wait(PATIENCE) == 128 + signal.SIGTERM
    assert time.monotonic() - began < AT_ONCE * program_start()


def test_lost_connections_lose_no_byte(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments())
    assert ssh_port.started.wait(PATIENCE)
    assert plugin.stdin is not None
    assert plugin.stdout is not None
    sent = b""
    for _ in range(3):
        part = os.urandom(200_000)
        sent += part
        openings = len(ssh_port.openings)
        ssh_port.cut()
        plugin.stdin.write(part)
        plugin.stdin.flush()
        ssh_port.say(part)
        assert plugin.stdout.read(len(part)) == part
        ssh_port.until(lambda sent=sent: len(ssh_port.typed) == len(sent))
        assert len(ssh_port.openings) > openings
    assert ssh_port.typed == sent


def test_a_session_that_cannot_be_opened_pollutes_nothing(ssh_port: Any, start: Start) -> None:
    ssh_port.upgrade_status = 403
    plugin = start(ssh_port.arguments())
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert (plugin.returncode, stdout) == (1, b"")
    assert b"answered 403" in stderr


def test_a_session_that_somebody_ends_has_failed(ssh_port: Any, start: Start) -> None:
    plugin = running(ssh_port, start)
    ssh_port.end("Terminated by somebody.", lost=True)
    assert b"Terminated by somebody." in plugin.communicate(timeout=PATIENCE)[1]
    assert plugin.returncode == 1


def test_under_nohup_a_hang_up_leaves_the_connection_of_ssh(ssh_port: Any, start: Start) -> None:
    plugin = start(ssh_port.arguments(), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    ssh_port.delivered()
    plugin.send_signal(signal.SIGHUP)
    assert plugin.stdin is not None
    plugin.stdin.write(b"still here")
    plugin.stdin.flush()
    ssh_port.until(lambda: ssh_port.typed == b"still here")
    ssh_port.end()
    assert plugin.wait(PATIENCE) == 0
