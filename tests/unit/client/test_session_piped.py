"""Sessions with pipes for standard streams: the real command against a scripted far end."""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from ferryman.wire.agent_message import PayloadType
from tests.waiting import AT_ONCE, PATIENCE, program_start, short_outage

SESSION_ID = "ann-0123456789abcdef0"
START_TEXT = f"\nStarting session with SessionId: {SESSION_ID}\n".encode()
END_TEXT = f"\n\nExiting session with sessionId: {SESSION_ID}.\n\n".encode()
LOST_TEXT = b"Connection lost; reconnecting for up to 300 s.\n"
FORBIDDEN = ("typer", "rich", "botocore", "boto3", "sqlalchemy", "cryptography")
Start = Callable[..., subprocess.Popen[bytes]]


def finished(plugin: subprocess.Popen[bytes]) -> tuple[int, bytes, bytes]:
    """Exit status and what was written to standard output and error."""
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    return plugin.returncode, stdout, stderr


def test_input_reaches_the_shell_and_output_comes_back_to_the_end(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    assert far_end.sizes == [(300, 100)]
    assert plugin.stdin is not None
    plugin.stdin.write(b"echo one\n\nraw \x03\x1a ~.\n~.\n")
    plugin.stdin.close()
    far_end.until(lambda: far_end.typed.endswith(b"\x04"))
    assert far_end.typed == b"echo one\n\nraw \x03\x1a ~.\n~.\n\x04"
    plugin.stdin = None
    output = os.urandom(60_000)  # fits the pipe: nobody reads yet
    far_end.say(output)
    far_end.end()
    assert finished(plugin) == (0, START_TEXT + output + END_TEXT, b"")
    assert far_end.calls == []


def test_the_cause_of_the_end_is_shown(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.end("Terminated by bob.")
    text = f"\n\nSessionId: {SESSION_ID} : Terminated by bob.\n\n".encode()
    assert finished(plugin) == (1, START_TEXT + text, b"")


@pytest.mark.parametrize(("given", "sent"), [(b"", b"\x04"), (b"exit", b"exit\n\x04"), (b"exit\r", b"exit\r\x04")])
def test_end_of_input_is_sent_once_the_line_is_complete(far_end: Any, start: Start, given: bytes, sent: bytes) -> None:
    plugin = start(far_end.arguments())
    assert plugin.stdin is not None
    plugin.stdin.write(given)
    plugin.stdin.close()
    plugin.stdin = None
    far_end.until(lambda: b"\x04" in far_end.typed)
    assert far_end.typed == sent
    far_end.until(lambda: far_end.typed == sent + b"\x04")  # the first may have been lost on the shell
    far_end.end()
    assert finished(plugin)[0] == 0


def test_a_file_and_dev_null_are_inputs_too(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments(), stdin=subprocess.DEVNULL)
    far_end.until(lambda: far_end.typed == b"\x04")
    far_end.end()
    assert finished(plugin)[0] == 0


def test_closed_standard_streams_are_nothing(far_end: Any, start: Start) -> None:
    def close() -> None:
        for descriptor in (0, 1, 2):
            os.close(descriptor)

    plugin = start(far_end.arguments(), preexec_fn=close)
    far_end.until(lambda: far_end.typed == b"\x04")
    far_end.say(b"for nobody")
    far_end.end()
    assert finished(plugin) == (0, b"", b"")


def test_output_is_acknowledged_only_when_written(far_end: Any, start: Start) -> None:
    read_end, write_end = os.pipe()
    fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, 4096)
    plugin = start(far_end.arguments(), stdout=write_end)
    os.close(write_end)
    far_end.until(lambda: far_end.sizes)
    output = os.urandom(900_000)
    far_end.say(output)
    assert plugin.stdin is not None
    plugin.stdin.write(b"after the output\n")
    plugin.stdin.flush()
    far_end.until(lambda: far_end.typed)  # typing still passes
    assert not far_end.all_acknowledged()
    shown = b""
    while len(shown) < len(START_TEXT) + len(output):
        shown += os.read(read_end, 65_536)
    assert shown == START_TEXT + output
    far_end.end()
    assert finished(plugin)[0] == 0
    assert os.read(read_end, 1000) == END_TEXT
    os.close(read_end)


def test_a_closed_standard_output_ends_the_session(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    assert plugin.stdout is not None
    plugin.stdout.close()
    plugin.stdout = None
    far_end.say(b"for nobody")
    status, _, stderr = finished(plugin)
    assert status == 1
    assert stderr == b"Cannot perform start session: standard output was closed\n"
    assert far_end.calls == ["TerminateSession"]


def test_a_session_without_terminal_keeps_errors_apart(make_far_end: Any, start: Start) -> None:
    far_end = make_far_end("NonInteractiveCommands")
    plugin = start(far_end.arguments(), stdin=subprocess.DEVNULL)
    far_end.until(lambda: far_end.sizes)
    far_end.say(b"out 1\n")
    far_end.say(b"error\n", PayloadType.STD_ERR)
    far_end.say(b"out 2\n")
    far_end.say(b"EXIT_CODE: 3", PayloadType.EXIT_CODE)
    far_end.end()
    assert finished(plugin) == (3, START_TEXT + b"out 1\nout 2\nEXIT_CODE: 3" + END_TEXT, b"error\n")
    assert far_end.typed == b""


def test_a_closed_standard_error_holds_up_nothing(make_far_end: Any, start: Start) -> None:
    far_end = make_far_end("NonInteractiveCommands")
    far_end.plain = True
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    assert plugin.stderr is not None
    plugin.stderr.close()
    plugin.stderr = None
    far_end.say(b"error 1\n", PayloadType.STD_ERR)
    far_end.say(b"out\n")
    far_end.say(b"error 2\n", PayloadType.STD_ERR)
    far_end.end()  # waits for every acknowledgement
    assert finished(plugin)[:2] == (0, START_TEXT + b"out\n" + END_TEXT)


def test_a_refused_token_is_an_error(far_end: Any, start: Start) -> None:
    status, stdout, stderr = finished(start(far_end.arguments(TokenValue="another")))
    assert (status, stdout) == (1, b"")
    assert stderr == START_TEXT + b"Cannot perform start session: The token is not valid.\n"


def test_a_server_that_comes_up_late_is_dialled_again(far_end: Any, start: Start) -> None:
    far_end.upgrade_status = 503
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.upgrades >= 2)
    far_end.upgrade_status = 101
    far_end.until(lambda: far_end.sizes)
    assert far_end.openings[0].token_value == "first-token"
    far_end.end()
    assert finished(plugin)[0] == 0


def test_a_server_that_is_not_there_is_given_up_on(start: Start, far_end: Any) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{unused.getsockname()[1]}/v1/data-channel/x"
        began = time.monotonic()
        status, stdout, stderr = finished(start(far_end.arguments(StreamUrl=url)))
    assert (status, stdout) == (1, b"")
    assert re.fullmatch(START_TEXT + rb"Cannot perform start session: cannot connect to ws://127\.0\.0\.1:.*\n", stderr)
    assert time.monotonic() - began < 2 * AT_ONCE * program_start()


def test_an_upgrade_that_is_refused_is_not_repeated(far_end: Any, start: Start) -> None:
    far_end.upgrade_status = 403
    status, _, stderr = finished(start(far_end.arguments()))
    assert status == 1
    assert b"answered 403" in stderr
    assert b"token" not in stderr
    assert far_end.upgrades == 1


def test_a_lost_connection_is_resumed_and_nothing_is_missing(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    output = [os.urandom(20_000) for _ in range(3)]
    assert plugin.stdin is not None
    for number, part in enumerate(output, 1):
        far_end.cut()
        far_end.say(part)
        plugin.stdin.write(b"line %d\n" % number)
        plugin.stdin.flush()
        far_end.until(lambda number=number: far_end.typed.count(b"\n") == number)
    assert far_end.typed == b"line 1\nline 2\nline 3\n"
    far_end.end()
    status, stdout, _ = finished(plugin)  # on a busy machine an outage lasts long enough to be worth a word
    assert (status, stdout) == (0, START_TEXT + b"".join(output) + END_TEXT)
    assert len({opening.client_id for opening in far_end.openings}) == 1
    assert len({opening.token_value for opening in far_end.openings}) == len(far_end.openings) >= 4
    assert far_end.paths[0].endswith("publish_subscribe")
    assert all(path.endswith("&resumed=1") for path in far_end.paths[1:])
    assert far_end.sizes == [(300, 100)]


def test_a_long_outage_is_reported_and_typed_keys_are_kept(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.resume = lambda: (503, {"message": "starting up"})
    far_end.cut()
    assert plugin.stdin is not None
    assert plugin.stderr is not None
    plugin.stdin.write(b"typed meanwhile\n")
    plugin.stdin.flush()
    assert plugin.stderr.readline() == b"Connection lost; reconnecting for up to 300 s.\n"
    assert far_end.typed == b""
    far_end.resume = far_end.resumed
    assert plugin.stderr.readline() == b"Connection restored.\n"
    far_end.until(lambda: far_end.typed == b"typed meanwhile\n")
    far_end.end()
    assert finished(plugin) == (0, START_TEXT + END_TEXT, b"")


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"__type": "DoesNotExistException", "message": "no such session"}),
        (200, {"SessionId": SESSION_ID, "TokenValue": ""}),
        (200, {"SessionId": SESSION_ID, "TokenValue": None}),
        (200, {"SessionId": SESSION_ID}),
    ],
)
def test_a_session_that_is_over_when_resumed_timed_out(far_end: Any, start: Start, answer: Any) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.resume = lambda: answer
    far_end.cut()
    status, stdout, stderr = finished(plugin)
    assert (status, stdout) == (1, START_TEXT + f"Session: {SESSION_ID} timed out.\n".encode())
    assert stderr in (b"", LOST_TEXT)  # on a busy machine the call takes long enough to be worth a word
    assert far_end.calls == ["ResumeSession"]


def test_a_refused_resume_is_an_error_and_not_repeated(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.resume = lambda: (400, {"__type": "AccessDeniedException", "message": "not yours"})
    far_end.cut()
    status, stdout, stderr = finished(plugin)
    assert (status, stdout) == (1, START_TEXT)
    # A slow machine says first that it is trying.
    assert re.search(
        rb"^Cannot perform start session: the connection was lost, .*AccessDenied.*not yours\n\Z", stderr, re.MULTILINE
    )
    assert far_end.calls == ["ResumeSession"]


def test_a_lost_session_without_credentials_is_explained(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments(), extra={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    far_end.until(lambda: far_end.sizes)
    far_end.cut()
    status, _, stderr = finished(plugin)
    assert status == 1
    assert b"Unable to locate credentials" in stderr


def test_an_outage_has_a_deadline(far_end: Any, start: Start) -> None:
    seconds = short_outage()
    plugin = start(far_end.arguments(), extra={"FERRYMAN_RECONNECT_SECONDS": str(seconds)})
    far_end.until(lambda: far_end.sizes)
    far_end.resume = lambda: (500, {})
    far_end.cut()
    status, _, stderr = finished(plugin)
    assert status == 1
    assert f"could not be restored within {seconds} s".encode() in stderr
    assert len(far_end.calls) > 1


def test_connections_that_break_immediately_count_as_one_outage(far_end: Any, start: Start) -> None:
    seconds = short_outage()
    plugin = start(far_end.arguments(), extra={"FERRYMAN_RECONNECT_SECONDS": str(seconds)})
    far_end.until(lambda: far_end.sizes)
    far_end.breaking = True
    far_end.cut()
    status, _, stderr = finished(plugin)
    assert status == 1
    assert f"could not be restored within {seconds} s".encode() in stderr
    assert 2 <= len(far_end.calls) <= 4 * seconds  # more than twice as many if every break began with the shortest wait


@pytest.mark.parametrize(
    ("arguments", "status", "stdout", "stderr"),
    [
        ([], 0, rb"\nThe Session Manager plugin was installed successfully\. Use the AWS CLI .*\n\n", b""),
        (["--version"], 0, rb"\d+\.\d+\.\d+\.\d+\n", b""),
        (["--help"], 2, b"", rb"\nUnknown operation --help\. \n.*\n\n"),
        (["{}", "r", "StartSession"], 2, b"", b"Cannot perform start session: .* has no SessionId\n"),
        (["{}", "r", "Resume"], 2, b"", b"Invalid Operation\n"),
    ],
)
def test_calls_without_a_session(start: Start, arguments: list[str], status: int, stdout: bytes, stderr: bytes) -> None:
    ended, out, err = finished(start(arguments))
    assert ended == status
    assert re.fullmatch(stdout, out)
    assert re.fullmatch(stderr, err)


def test_a_wrong_setting_is_named(far_end: Any, start: Start) -> None:
    for value in ("soon", "-1", "nan"):
        status, _, stderr = finished(start(far_end.arguments(), extra={"FERRYMAN_RECONNECT_SECONDS": value}))
        assert status == 2
        assert b"FERRYMAN_RECONNECT_SECONDS must be a number of seconds" in stderr
    assert far_end.upgrades == 0


def test_the_response_comes_in_a_variable(far_end: Any, start: Start) -> None:
    response, *others = far_end.arguments()
    name = "AWS_SSM_START_SESSION_RESPONSE"
    plugin = start([name, *others], extra={name: response})
    far_end.until(lambda: far_end.sizes)
    assert far_end.openings[0].token_value == json.loads(response)["TokenValue"]
    far_end.end()
    assert finished(plugin)[0] == 0


def ignoring_signals() -> None:
    """As the AWS CLI starts the plugin."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)


def test_signals_are_keys_for_the_shell(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments(), preexec_fn=ignoring_signals)
    far_end.until(lambda: far_end.sizes)
    for number, key in ((signal.SIGINT, b"\x03"), (signal.SIGTSTP, b"\x1a"), (signal.SIGQUIT, b"\x1c")):
        plugin.send_signal(number)
        far_end.until(lambda key=key: far_end.typed.endswith(key))
    assert far_end.typed == b"\x03\x1a\x1c"
    far_end.end()
    assert finished(plugin)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_fatal_signals_end_the_client_even_with_blocked_output(
    far_end: Any, start: Start, number: signal.Signals
) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.say(os.urandom(300_000))
    plugin.send_signal(number)
    assert plugin.wait(PATIENCE) == 128 + number
    assert far_end.calls == []


def test_an_interrupt_before_the_session_has_started_gives_up(far_end: Any, start: Start) -> None:
    far_end.answering = False
    plugin = start(far_end.arguments(), preexec_fn=ignoring_signals)
    far_end.until(lambda: far_end.openings)
    plugin.send_signal(signal.SIGTSTP)
    plugin.send_signal(signal.SIGINT)
    assert finished(plugin) == (130, b"", START_TEXT)
    assert far_end.calls == ["TerminateSession"]


def test_nothing_heavy_is_imported_before_dialling_out(plugin_command: list[str], far_end: Any, start: Start) -> None:
    plugin_command[1:1] = ["-X", "importtime"]
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.end()
    _, _, stderr = finished(plugin)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in stderr.decode().splitlines()}
    assert "aiohttp" in imported
    assert not imported.intersection(FORBIDDEN)


def test_a_notice_has_a_line_of_its_own_where_both_outputs_are_one(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments(), stderr=subprocess.STDOUT)
    far_end.until(lambda: far_end.sizes)
    far_end.say(b"half a li")
    far_end.delivered()
    far_end.resume = lambda: (503, {"message": "starting up"})
    far_end.cut()
    assert plugin.stdout is not None
    shown = b""
    while not shown.endswith(LOST_TEXT):
        shown += plugin.stdout.read(1)
    assert shown == START_TEXT + b"half a li\n" + LOST_TEXT
    far_end.resume = far_end.resumed
    assert plugin.stdout.readline() == b"Connection restored.\n"
    far_end.say(b"ne\n")
    far_end.end()
    assert finished(plugin)[1] == b"ne\n" + END_TEXT
