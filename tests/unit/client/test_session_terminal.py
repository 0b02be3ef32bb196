"""Sessions on a real terminal: the real command on a pty, typed at as a person would."""

import os
import pty
import re
import signal
import subprocess
import termios
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.client.person import NOTICE, Person
from tests.waiting import PATIENCE

SESSION_ID = "ann-0123456789abcdef0"
START_TEXT = b"\r\nStarting session with SessionId: ann-0123456789abcdef0\r\n"
END_TEXT = b"\r\n\r\nExiting session with sessionId: ann-0123456789abcdef0.\r\n\r\n"
BREAKING = """
from ferryman.client.plugin import shell
def show(*_):
    raise KeyError("broken on purpose")
shell.Shell.on_output = show
"""


def test_every_key_is_a_byte_and_the_terminal_comes_back(far_end: Any, person: Person) -> None:
    person.type(b"ls\x03\x1a\x1c\x04\x13\x11\r\xc3\xa6")
    far_end.until(lambda: far_end.typed == b"ls\x03\x1a\x1c\x04\x13\x11\r\xc3\xa6")
    far_end.say(b"one\r\ntwo\n\x1b[0m")
    person.sees(b"one\r\ntwo\n\x1b[0m")
    far_end.end()
    assert person.leaves() == 0
    assert person.seen == START_TEXT + b"one\r\ntwo\n\x1b[0m" + END_TEXT
    assert person.is_restored()


def test_the_window_size_is_sent_at_the_start_and_when_it_changes(far_end: Any, person: Person) -> None:
    assert far_end.sizes == [(80, 24)]
    for rows, columns in ((50, 132), (50, 132), (10, 20)):
        termios.tcsetwinsize(person.slave, (rows, columns))
        person.plugin.send_signal(signal.SIGWINCH)
        far_end.until(lambda size=(columns, rows): far_end.sizes[-1] == size)
    assert far_end.sizes == [(80, 24), (132, 50), (20, 10)]


def test_early_keystrokes_are_not_lost(far_end: Any, sit_down: Callable[..., Person]) -> None:
    far_end.upgrade_status = 503
    person = sit_down(far_end)
    far_end.until(lambda: far_end.upgrades)
    person.type(b"date\nwho")
    far_end.upgrade_status = 101
    far_end.until(lambda: far_end.typed == b"date\nwho")


@pytest.mark.parametrize("code", [3, 130, 137])
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not asked"])
def test_a_shells_status_is_the_clients_only_if_asked(
    far_end: Any, sit_down: Callable[..., Person], code: int, asked: bool
) -> None:
    """The AWS CLI shows any status but 0 as a failed command, and a shell's is that of whatever was typed last."""
    person = sit_down(far_end, FERRYMAN_SHELL_STATUS=str(int(asked)))
    far_end.until(lambda: far_end.sizes)
    far_end.end(code=code)
    assert person.leaves() == (code if asked else 0)
    assert person.seen == START_TEXT + END_TEXT
    assert person.is_restored()


@pytest.mark.parametrize("lost", [True, False], ids=["ended", "finished"])
def test_a_program_that_did_not_end_by_itself_failed(far_end: Any, person: Person, lost: bool) -> None:
    far_end.end("Terminated by somebody.", lost=lost)
    assert person.leaves() == 1
    assert b"Terminated by somebody." in person.seen


def test_tilde_dot_ends_the_session(far_end: Any, person: Person) -> None:
    person.type(b"\r")
    far_end.until(lambda: far_end.typed == b"\r")
    person.type(b"~")
    person.type(b".")
    assert person.leaves() == 0
    assert person.seen == START_TEXT + END_TEXT
    assert far_end.typed == b"\r"
    assert far_end.calls == ["TerminateSession"]
    assert person.is_restored()


def test_tilde_help_off_and_itself(far_end: Any, person: Person) -> None:
    person.type(b"~?")
    person.sees(b"  ~.  end the session (TerminateSession)\r\n")
    person.type(b"~~a\r~-\r~.\r")
    person.sees(b"Escapes are off.\r\n")
    far_end.until(lambda: far_end.typed == b"~a\r\r~.\r")
    assert person.plugin.poll() is None


def test_tilde_dot_works_while_disconnected(far_end: Any, person: Person) -> None:
    far_end.resume = lambda: (503, {})
    far_end.cut()
    person.sees(b"Connection lost; reconnecting for up to 300 s. What you type is kept; ~. ends the session.\r\n")
    person.type(b"~.")
    assert person.leaves() == 0
    assert "TerminateSession" in far_end.calls
    assert person.is_restored()


def test_typing_during_an_outage_arrives_later(far_end: Any, person: Person) -> None:
    far_end.resume = lambda: (503, {})
    far_end.cut()
    person.type(b"abc\x03")
    termios.tcsetwinsize(person.slave, (30, 90))
    person.plugin.send_signal(signal.SIGWINCH)
    person.sees(b"Connection lost")
    far_end.resume = far_end.resumed
    person.sees(b"Connection restored.\r\n")
    far_end.until(lambda: far_end.typed == b"abc\x03" and far_end.sizes[-1] == (90, 30))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_fatal_signal_brings_the_terminal_back(person: Person, number: signal.Signals) -> None:
    person.plugin.send_signal(number)
    assert person.leaves() == 128 + number
    assert person.is_restored()


def test_a_fatal_signal_brings_it_back_though_nobody_reads_the_screen(far_end: Any, person: Person) -> None:
    far_end.say(b"x" * 500_000)
    person.is_stuck()
    person.plugin.send_signal(signal.SIGTERM)
    assert person.plugin.wait(PATIENCE) == 128 + signal.SIGTERM
    assert person.is_restored()


@pytest.mark.parametrize(
    ("number", "key"), [(signal.SIGINT, b"\x03"), (signal.SIGTSTP, b"\x1a"), (signal.SIGQUIT, b"\x1c")]
)
def test_other_signals_from_outside_are_keys(far_end: Any, person: Person, number: signal.Signals, key: bytes) -> None:
    person.plugin.send_signal(number)
    far_end.until(lambda: far_end.typed == key)
    assert person.plugin.poll() is None


def test_stopped_and_continued_the_terminal_is_raw_again(far_end: Any, person: Person) -> None:
    raw = termios.tcgetattr(person.slave)
    person.plugin.send_signal(signal.SIGSTOP)
    termios.tcsetattr(person.slave, termios.TCSANOW, person.before)  # as the shell does
    termios.tcsetwinsize(person.slave, (31, 91))
    person.plugin.send_signal(signal.SIGCONT)
    # SIGWINCH, which has waited as well, may be told first.
    far_end.until(lambda: far_end.sizes[-1] == (91, 31) and termios.tcgetattr(person.slave) == raw)


def test_a_fault_of_ours_brings_the_terminal_back(
    far_end: Any, sit_down: Callable[..., Person], plugin_command: list[str]
) -> None:
    plugin_command[-1] = BREAKING + plugin_command[-1].replace("; ", "\n")
    person = sit_down(far_end)
    far_end.until(lambda: far_end.sizes)
    far_end.say(b"anything")
    assert person.leaves() == 1
    assert b"unexpected fault KeyError; set FERRYMAN_DEBUG=1 to see where\r\n" in person.seen
    assert b"Traceback" not in person.seen
    assert person.is_restored()


def test_a_refused_session_leaves_the_terminal_alone(make_far_end: Any, sit_down: Callable[..., Person]) -> None:
    far_end = make_far_end("Port", {"type": "LocalPortForwarding", "localPortNumber": "http"})
    person = sit_down(far_end)
    assert person.leaves() == 1
    assert b"localPortNumber must be a number" in person.seen
    assert person.is_restored()


def test_a_terminal_that_closes_ends_the_client(person: Person) -> None:
    os.close(person.slave)
    os.close(person.master)
    person.master = person.slave = -1
    assert person.plugin.wait(PATIENCE) in (1, 128 + signal.SIGHUP)


def test_a_lot_of_output_arrives_whole(far_end: Any, person: Person) -> None:
    output = b"".join(b"%d\r\n" % number for number in range(200_000))
    for start in range(0, len(output), 900_000):
        far_end.say(output[start : start + 900_000])
        if start == 0:
            far_end.cut()
        person.sees_despite_notices(output[: start + 900_000])
    far_end.end()
    assert person.leaves() == 0
    assert NOTICE.sub(b"", person.seen) == START_TEXT + output + END_TEXT


def test_a_notice_has_a_line_of_its_own_and_the_cursor_comes_back(far_end: Any, person: Person) -> None:
    far_end.say(b"\x1b[32mann\x1b[0m$ ")
    person.sees(b"$ ")
    far_end.resume = lambda: (503, {})
    far_end.cut()
    person.sees(b"ends the session.\r\n\x1b[5C")
    far_end.resume = far_end.resumed
    person.sees(b"Connection restored.\r\n\x1b[5C")
    far_end.say(b"ls\r\n")
    person.sees(b"ls\r\n")
    assert person.seen.count(b"\r\nConnection ") == 2
    assert b"$ ls\r\n" in NOTICE.sub(b"", person.seen)


def test_input_may_come_from_a_file_and_output_still_be_a_terminal(
    far_end: Any, plugin_command: list[str], environment: dict[str, str]
) -> None:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (33, 99))
    before = termios.tcgetattr(slave)
    plugin = subprocess.Popen(
        [*plugin_command, *far_end.arguments()], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment
    )
    far_end.until(lambda: far_end.typed)
    assert far_end.sizes == [(99, 33)]
    assert termios.tcgetattr(slave) == before
    far_end.end()
    assert plugin.wait(PATIENCE) == 0
    assert re.search(rb"Exiting session", os.read(master, 10_000))
    os.close(master)
    os.close(slave)
