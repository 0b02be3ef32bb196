"""Commands without a terminal: outputs apart, exit status, input."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman.wire.agent_message import PayloadType
from tests.waiting import PATIENCE

SESSION_ID = "ann-0123456789abcdef0"
START_TEXT = f"\nStarting session with SessionId: {SESSION_ID}\n".encode()
END_TEXT = f"\n\nExiting session with sessionId: {SESSION_ID}.\n\n".encode()
WITH_INPUT = {"FERRYMAN_COMMAND_STDIN": "1"}
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def command(make_far_end: Any) -> Any:
    """The far end of a command session."""
    return make_far_end("NonInteractiveCommands")


def test_input_is_the_commands_if_asked_for_and_its_end_closes_it(command: Any, start: Start) -> None:
    plugin = start(command.arguments(), extra=WITH_INPUT)
    data = os.urandom(1_500_000) + b"\x03\x1c\n"
    assert plugin.stdin is not None
    plugin.stdin.write(data)
    assert command.flags == []
    plugin.stdin.close()
    plugin.stdin = None
    command.until(lambda: command.flags)
    assert command.typed == data
    assert command.flags == [4]
    command.say(b"seen")
    command.say(b"EXIT_CODE: 0", PayloadType.EXIT_CODE)
    command.end()
    assert plugin.communicate(timeout=PATIENCE) == (START_TEXT + b"seenEXIT_CODE: 0" + END_TEXT, b"")
    assert plugin.returncode == 0


@pytest.mark.parametrize("code", [0, 1, 126, 127, 137])
def test_the_commands_status_is_the_clients(command: Any, start: Start, code: int) -> None:
    plugin = start(command.arguments(), stdin=subprocess.DEVNULL)
    assert command.started.wait(PATIENCE)
    command.say(b"words\n", PayloadType.STD_ERR)
    command.say(b"EXIT_CODE: %d" % code, PayloadType.EXIT_CODE)
    command.end()
    assert plugin.communicate(timeout=PATIENCE)[1] == b"words\n"
    assert plugin.returncode == code


def test_awss_agent_accepts_only_interrupts_as_input(command: Any, start: Start) -> None:
    command.plain = True
    plugin = start(command.arguments())
    assert plugin.stdin is not None
    plugin.stdin.write(b"not for the command\n")
    plugin.stdin.close()
    plugin.stdin = None
    command.until(lambda: command.sizes)
    plugin.send_signal(signal.SIGINT)
    command.until(lambda: command.typed)
    plugin.send_signal(signal.SIGTSTP)
    plugin.send_signal(signal.SIGQUIT)
    command.until(lambda: command.typed == b"\x03\x1c")
    command.say(b"EXIT_CODE: 1", PayloadType.EXIT_CODE)
    command.end()
    assert plugin.wait(PATIENCE) == 1
    assert command.flags == []


def test_the_launchers_input_is_not_read(command: Any, start: Start, tmp_path: Path) -> None:
    nodes = tmp_path / "nodes"
    nodes.write_text("node-1\nnode-2\n")
    with nodes.open("rb") as lines:
        plugin = start(command.arguments(), stdin=lines)
        command.until(lambda: command.flags == [4])  # the command's own input is empty
        command.say(b"EXIT_CODE: 0", PayloadType.EXIT_CODE)
        command.end()
        assert plugin.wait(PATIENCE) == 0
        assert os.lseek(lines.fileno(), 0, os.SEEK_CUR) == 0
    assert command.typed == b""


def test_a_wrong_setting_of_the_input_is_named(command: Any, start: Start) -> None:
    plugin = start(command.arguments(), extra={"FERRYMAN_COMMAND_STDIN": "yes"})
    assert plugin.communicate(timeout=PATIENCE)[1].endswith(b"FERRYMAN_COMMAND_STDIN must be 0 or 1\n")
    assert plugin.returncode == 2


def test_an_interrupted_command_that_ends_without_an_acknowledgement_needs_no_further_call(
    command: Any, start: Start
) -> None:
    command.ends_unacknowledged = True
    plugin = start(command.arguments())
    command.until(lambda: command.sizes)
    plugin.send_signal(signal.SIGINT)
    assert plugin.communicate(timeout=PATIENCE)[1] == b""
    assert plugin.returncode == 130
    assert command.calls == []


def test_an_interrupt_ends_a_command_that_reads_input(command: Any, start: Start) -> None:
    plugin = start(command.arguments(), extra=WITH_INPUT)
    command.until(lambda: command.sizes)
    plugin.send_signal(signal.SIGINT)
    assert plugin.wait(PATIENCE) == 130
    assert command.flags == [2]
    assert command.typed == b""


def test_a_command_that_does_not_read_stops_its_writer(command: Any, start: Start) -> None:
    command.on_input = lambda _: None  # received, and acknowledged never
    plugin = start(command.arguments(), extra=WITH_INPUT)
    assert plugin.stdin is not None
    os.set_blocking(plugin.stdin.fileno(), False)
    assert command.started.wait(PATIENCE)
    written = 0
    stalled = 0
    while written < 32 << 20 and stalled < 50:
        try:
            written += os.write(plugin.stdin.fileno(), bytes(1 << 16))
            stalled = 0
        except BlockingIOError:
            stalled += 1
            command.until(lambda: True)
            signal.sigtimedwait([], 0.02)
    assert written < 4 << 20


def test_a_shell_passes_its_exit_status_on(make_far_end: Any, start: Start) -> None:
    far_end = make_far_end("InteractiveCommands")
    plugin = start(far_end.arguments(), stdin=subprocess.DEVNULL)
    assert far_end.started.wait(PATIENCE)
    far_end.say(b"words\n")
    far_end.end(code=3)
    assert plugin.communicate(timeout=PATIENCE) == (START_TEXT + b"words\n" + END_TEXT, b"")
    assert plugin.returncode == 3


@pytest.mark.parametrize("lost", [True, False], ids=["ended", "finished"])
def test_a_command_that_did_not_end_by_itself_failed(command: Any, start: Start, lost: bool) -> None:
    plugin = start(command.arguments(), stdin=subprocess.DEVNULL)
    assert command.started.wait(PATIENCE)
    command.end("Terminated by somebody.", lost=lost)
    plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 1


def test_an_exit_status_that_came_before_the_session_was_ended_counts(command: Any, start: Start) -> None:
    plugin = start(command.arguments(), stdin=subprocess.DEVNULL)
    assert command.started.wait(PATIENCE)
    command.say(b"EXIT_CODE: 0", PayloadType.EXIT_CODE)
    command.end("Terminated by somebody.", lost=True)
    plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 0


def test_a_command_of_awss_agent_that_tells_no_status_ends_normally(command: Any, start: Start) -> None:
    command.plain = True
    plugin = start(command.arguments(), stdin=subprocess.DEVNULL)
    assert command.started.wait(PATIENCE)
    command.end()
    plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 0
