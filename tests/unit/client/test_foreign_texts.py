"""What a server or a node says steers no terminal and forges no line; what a program prints is passed on as it is."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.waiting import PATIENCE

Start = Callable[..., subprocess.Popen[bytes]]
HOSTILE = "no\x1b]0;owned\x07\r\n\nferryman: all is well\x9b2J\x7f\u202e\u2028"
SHOWN = "no\\x1b]0;owned\\x07 ferryman: all is well\\x9b2J\\x7f\\u202e"


def is_safe(stream: bytes) -> bool:
    return stream.decode().replace("\n", "").isprintable()


@pytest.mark.parametrize("shell", [True, False])
def test_the_end_of_a_session(make_far_end: Any, start: Start, shell: bool) -> None:
    far_end = make_far_end() if shell else make_far_end("Port", {"portNumber": "22"})
    plugin = start(far_end.arguments())
    assert far_end.started.wait(PATIENCE)
    far_end.end(HOSTILE)
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    told, other = (stdout, stderr) if shell else (stderr, stdout)  # standard output is ssh's there
    assert other == b""
    assert is_safe(told)
    assert [line for line in told.decode().split("\n") if SHOWN in line] == [
        f"SessionId: ann-0123456789abcdef0 : {SHOWN}"
    ]


def test_an_end_before_anything_began(far_end: Any, start: Start) -> None:
    far_end.answering = False
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.openings)
    far_end.end(HOSTILE)
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert is_safe(stdout)
    assert stderr.decode().endswith(f"Cannot perform start session: {SHOWN}\n")


def test_the_nodes_own_message_and_the_bytes_of_its_program(far_end: Any, start: Start) -> None:
    far_end.customer_message = HOSTILE
    plugin = start(far_end.arguments())
    assert far_end.started.wait(PATIENCE)
    output = b"\x1b[31mred\x1b[0m\x07\r\n\xff"
    far_end.say(output)
    far_end.end()
    stdout, _ = plugin.communicate(timeout=PATIENCE)
    before, raw, after = stdout.partition(output)
    assert raw == output
    assert is_safe(before)
    assert before.endswith(f"\n{SHOWN}\n".encode())
    assert is_safe(after)


def test_a_call_that_is_refused(far_end: Any, start: Start) -> None:
    answer = 400, {"__type": "AccessDeniedException", "message": HOSTILE}
    far_end.resume = lambda: answer
    plugin = start(far_end.arguments())
    assert far_end.started.wait(PATIENCE)
    far_end.cut()
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert is_safe(stdout)
    assert is_safe(stderr)
    assert b"ResumeSession failed" in stderr
    assert len([line for line in stderr.splitlines() if b"all is well" in line]) == 1


def test_a_session_id_of_the_servers_choice(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments(SessionId="ann\x1b[2J\nStarting"), stdin=subprocess.DEVNULL)
    far_end.started.wait(PATIENCE)
    plugin.terminate()
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert is_safe(stdout)
    assert is_safe(stderr)
    assert b"Starting session with SessionId: ann\\x1b[2J\\nStarting\n" in stdout + stderr


def test_arguments_that_cannot_be_used(start: Start) -> None:
    plugin = start(["{", "eu-north-1", "\x1b[2J"])
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert (plugin.returncode, stdout) == (2, b"")
    assert is_safe(stderr)
