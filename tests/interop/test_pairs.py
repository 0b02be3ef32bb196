"""Sessions of every kind through the stock AWS CLI, between every pair."""

import concurrent.futures
import contextlib
import hashlib
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import PAIRS, Pair, cut, make_pair
from tests.interop.lab import Lab
from tests.waiting import PATIENCE, wait_until

# Shells and commands


def test_shell(pair: Pair, quiet: None) -> None:
    session = pair.start()
    session.prompt()
    session.send("stty size; whoami\r")
    session.expect(r"24 80\r+\n")
    session.child.setwinsize(50, 132)
    session.send("while [ $(stty size | cut -d' ' -f2) != 132 ]; do sleep 0.1; done; echo wide-$((1+1)) żółć\r")
    session.expect("wide-2 żółć\r+\n")
    assert session.row()["Status"] == "Connected"
    session.send("PS1=again-; sh -c 'echo asleep-$((1+1)); exec sleep 1000'\r")  # in the foreground when it is read
    session.expect("asleep-2")
    session.child.sendintr()
    session.expect("again-")
    session.send("echo still-$((1+1))\r")
    session.expect("still-2\r+\n")
    session.send("exit\r")
    assert f"Exiting session with sessionId: {session.session_id}".encode() in session.end()
    session.ended()


def test_interactive_command(pair: Pair) -> None:
    session = pair.start("AWS-StartInteractiveCommand", command="tty; read line; echo got-$line")
    session.expect(r"/dev/pts/\d+")
    session.send("words\r")
    session.expect("got-words\r+\n")
    session.end()
    session.ended()


@pytest.mark.parametrize("separate", ["true", "false"])
def test_non_interactive_command(pair: Pair, separate: str) -> None:
    command = "sh -c 'echo out-$((1+1)); echo err-$((1+1)) >&2; exit 3'"
    session = pair.start("AWS-StartNonInteractiveCommand", command=command, separateOutputStream=separate)
    said = session.end()
    assert b"out-2" in said
    assert b"err-2" in said
    # Ferryman's agent tells Ferryman's client in either case.
    told = separate == "true" or not (pair.agent_is_aws or pair.plugin_is_aws)
    assert (b"EXIT_CODE: 3" in said) == told
    session.ended()


# Ports


@pytest.fixture
def echo(lab: Lab) -> Iterator[int]:
    """The port of a server in the lab, on all of its addresses, that sends back what it gets."""
    listener = lab.do(lambda: socket.create_server(("", 0)))
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def _accept(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=_send_back, args=(connection,), daemon=True).start()


def _send_back(connection: socket.socket) -> None:
    with connection, contextlib.suppress(ConnectionResetError):  # AWS's client has no half-closed streams
        while data := connection.recv(65536):
            connection.sendall(data)


@pytest.mark.parametrize(
    ("document", "parameters"),
    [
        ("AWS-StartPortForwardingSession", {}),
        ("AWS-StartPortForwardingSessionToRemoteHost", {"host": "127.0.0.9"}),
    ],
)
def test_forwarded_port(pair: Pair, echo: int, document: str, parameters: dict[str, str]) -> None:
    session = pair.start(document, portNumber=str(echo), localPortNumber="0", **parameters)
    local = int(session.expect(r"Port \d+ opened").split()[-2])
    session.expect("Waiting for connections")
    exchange_several(lambda: pair.lab.do(lambda: socket.create_connection(("127.0.0.1", local), timeout=PATIENCE)))
    session.child.sendintr()
    session.end()
    session.ended()


def test_forwarded_port_on_a_unix_socket(pair: Pair, echo: int, tmp_path: Path) -> None:
    path = str(tmp_path / "local")
    session = pair.start("AWS-StartPortForwardingSessionToSocket", portNumber=str(echo), localUnixSocket=path)
    session.expect(f"Unix socket {path} opened")
    session.expect("Waiting for connections")

    def connect() -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(path)
        return connection

    exchange_several(connect)
    session.child.sendintr()
    session.end()
    session.ended()


def exchange_several(connect: Callable[[], socket.socket]) -> None:
    """Send through five connections, four of them at once, and get the same back."""

    def exchange(number: int) -> None:
        data = os.urandom(60_000 + number)
        with connect() as connection:
            writing = threading.Thread(target=connection.sendall, args=(data,))
            writing.start()
            got = b""
            while len(got) < len(data):
                got += connection.recv(65536)
            writing.join()
        assert got == data

    exchange(0)
    with concurrent.futures.ThreadPoolExecutor(4) as several:
        list(several.map(exchange, range(4)))


def test_forwarded_port_that_nobody_listens_on(pair: Pair) -> None:
    session = pair.start("AWS-StartPortForwardingSession", portNumber="9", localPortNumber="0")
    local = int(session.expect(r"Port \d+ opened").split()[-2])
    session.expect("Waiting for connections")
    with pair.lab.do(lambda: socket.create_connection(("127.0.0.1", local), timeout=PATIENCE)) as connection:
        connection.sendall(b"anybody?")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    session.expect("Connection to destination port failed")
    session.child.sendintr()
    session.end()


# SSH


def test_ssh_and_scp(pair: Pair, ssh: Any) -> None:
    done = pair.lab.run(
        "ssh", *ssh.options(pair), "node", "echo $((40+2)); cat >&2", input=b"words", env=pair.environment
    )
    assert done.stdout == b"42\n"
    assert b"words" in done.stderr
    mebibytes = int(os.environ.get("FERRYMAN_TEST_INTEROP_MIB", "2"))
    sent, got, back = (ssh.directory / name for name in ("sent", "got", "back"))
    sent.write_bytes(os.urandom(mebibytes * 1024 * 1024))
    for source, destination in ((str(sent), f"node:{got}"), (f"node:{got}", str(back))):
        pair.lab.run("scp", *ssh.options(pair), source, destination, env=pair.environment, timeout=60 + 10 * mebibytes)
    assert digest(got) == digest(sent) == digest(back)


def digest(path: Any) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# Cuts and ends

COUNT = "for i in $(seq 1 4000); do echo line-$i; done; echo done-$((1+1))\r"


WHOLE = b"".join(b"line-%d\n" % number for number in range(1, 4001)) + b"done-2\n"
NOTICE = re.compile(rb"\nConnection (?:lost|restored)[^\n]*\n\x1b\[\d+C|Connection (?:lost|restored)[^\n]*\n")


def common_start(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    return next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def assert_whole(pair: Pair, said: bytes) -> None:
    """Every line came, once and in order; AWS's plugin may show the message again whose receipt it could not send.

    A message ends anywhere in a line, so a repeated one is compared byte by byte: up to some place it is the whole
    output, and from some earlier place on again.
    """
    text = re.sub(rb"\r+\n", b"\n", said)
    shown = NOTICE.sub(b"", text[text.index(b"line-1\n") :])
    if pair.plugin_is_aws and len(shown) > len(WHOLE):
        assert common_start(shown, WHOLE) + common_start(shown[::-1], WHOLE[::-1]) >= len(shown)
    else:
        assert shown == WHOLE


def test_resume_after_a_cut_of_the_clients_socket(pair: Pair) -> None:
    session = pair.start()
    session.prompt()
    session.send(COUNT)
    said = session.expect(r"line-100\r+\n")
    assert cut(session.plugin()) >= 1
    said += session.expect("done-2\r+\n")
    assert_whole(pair, said)
    session.send("echo back-$((1+1))\r")
    session.expect("back-2\r+\n")
    session.send("exit\r")
    session.end()
    session.ended()


def test_resume_after_a_cut_of_the_agents_socket(pair: Pair) -> None:
    session = pair.start()
    session.prompt()
    session.send(COUNT)
    said = session.expect(r"line-100\r+\n")
    assert sum(cut(worker) for worker in session.workers()) >= 1
    said += session.expect("done-2\r+\n")
    assert_whole(pair, said)
    session.send("exit\r")
    session.end()
    session.ended()


@pytest.mark.parametrize("by", ["environment", "argument"])
def test_terminated_while_the_client_is_cut_off(pair: Pair, tmp_path: Path, by: str) -> None:
    if by == "argument":  # how the CLI hands the session to plugins before 1.2.536
        old = tmp_path / "session-manager-plugin"
        old.write_text(f'#!/bin/sh\n[ "$1" = --version ] && echo 1.2.463.0 && exit\nexec {pair.plugin} "$@"\n')
        old.chmod(0o755)
        pair = replace(pair, plugin=old)
    session = pair.start()
    session.prompt()
    plugin = session.plugin()
    plugin.suspend()
    assert cut(plugin) >= 1
    pair.lab.call("terminate_session", SessionId=session.session_id)
    session.ended(details="Terminated by")
    plugin.resume()
    assert f"Session: {session.session_id} timed out." in session.end().decode()


@pytest.mark.parametrize("document", [None, "AWS-StartPortForwardingSession"])
def test_terminate_from_the_api(pair: Pair, document: str | None, echo: int) -> None:
    session = pair.start(document, **({"portNumber": str(echo)} if document else {}))
    if document:
        session.expect("Waiting for connections")
    else:
        session.prompt()
    pair.lab.call("terminate_session", SessionId=session.session_id)
    assert b"Terminated by" in session.end()
    session.ended(details="Terminated by")
    wait_until(lambda: not session.workers())


def minute(lab: Lab, name: str) -> str:
    """A document of the lab's whose sessions end after a minute, by the input `name`."""
    content = f'{{"schemaVersion":"1.0","sessionType":"Standard_Stream","inputs":{{"{name}":"1"}}}}'
    lab.call("create_document", Name=f"Lab-{name}", DocumentType="Session", Content=content)
    return f"Lab-{name}"


@pytest.mark.parametrize(
    ("limit", "cause"),
    [("idleSessionTimeout", "was idle for 1 minute"), ("maxSessionDuration", "maximum duration of 1 minute")],
)
def test_limits_of_a_minute(lab: Lab, node_of: Callable[[str], str], limit: str, cause: str) -> None:
    document = minute(lab, limit)
    sessions = []
    for plugin, agent in PAIRS:
        try:
            pair = make_pair(lab, node_of, plugin, agent)
        except pytest.skip.Exception:
            continue
        sessions.append(pair.start(document))
        sessions[-1].prompt()
    for session in sessions:
        assert cause.encode() in session.end()
        session.ended(details=cause)
        wait_until(lambda each=session: not each.workers())  # type: ignore[misc]
