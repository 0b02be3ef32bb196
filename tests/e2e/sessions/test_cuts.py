"""The connections of client, agent and server are cut at random about every second: nothing is lost or doubled."""

import contextlib
import hashlib
import json
import os
import random
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.agents import agent_of_its_own
from tests.e2e.cutting_relay import Cutter, Relay, cut, relays
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until

SEED = 20
COPIED_MIB = int(os.environ.get("FERRYMAN_TEST_COPY_MIB", "48"))
CONNECTIONS = 4
PAUSE = 0.04
"""Seconds between two blocks that one end of a connection sends, 128 KiB on average: all together keep something on its
way at every cut, without keeping the processors from the tests beside this one."""
CUTS, MOST_CUTS = 10, 20
LINES = 250
REFUSALS = 3
SHORTEST_LIFE = 4.0


@dataclass
class Cut:
    """A running demo that clients reach through one relay, and a node of its own that reaches it through another."""

    ferryman: Ferryman
    node_id: str
    client: Relay
    agent: Relay

    @property
    def environment(self) -> dict[str, str]:
        return dict(self.ferryman.environment) | {"AWS_ENDPOINT_URL": self.client.url}

    def cutter(self, *, kills: bool = False, first_seconds: float | None = None) -> Cutter:
        """Cut either end's connections, or all of the server's; with `kills` also kill the server at times.

        Without kills, it stops cutting after a while.
        """
        cuts = {"client": cut(self.client), "agent": cut(self.agent), "server": cut(self.client, self.agent)}
        if kills:
            return Cutter(cuts | {"kill": self._kill_server}, SEED, first_seconds)
        return Cutter(cuts, SEED, first_seconds, MOST_CUTS)

    def _kill_server(self, _: random.Random) -> int:
        """Kill the server, unless the demo has only just started it again: it does not do so for ever."""
        for process in psutil.Process(self.ferryman.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                lived = time.time() - process.create_time()
                if process.cmdline()[4:5] == ["server"] and lived > SHORTEST_LIFE and self.ferryman.answers():
                    process.kill()
                    return 1
        return 0


@pytest.fixture(scope="module")
def ferryman(module_ferryman: Ferryman) -> Ferryman:
    """One of its own, whose server is killed."""
    return module_ferryman


@pytest.fixture
def node(running: Cut) -> Cut:
    """The node, with its control channel up."""
    wait_until(lambda: running.ferryman.is_connected(running.node_id))
    return running


@pytest.fixture(scope="module")
def running(ferryman: Ferryman, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cut]:
    """One for all tests; none is cut while it starts."""
    port = int(ferryman.facts["endpoint_url"].rpartition(":")[2])
    with relays(port, port) as (client, agent):
        configuration = Path(ferryman.facts["profile_dir"]).parent / "ferryman.toml"
        text = configuration.read_text()
        configuration.write_text(
            text.replace(f'public_url = "http://127.0.0.1:{port}"', f'public_url = "{client.url}"')
        )
        assert configuration.read_text() != text
        psutil.Process(ferryman.facts["pids"]["server"]).kill()
        wait_until(ferryman.answers)
        with agent_of_its_own(ferryman, tmp_path_factory.mktemp("agent"), agent.url) as node_id:
            yield Cut(ferryman, node_id, client, agent)


@dataclass
class Forwarding:
    """A running `ferryman forward`, and where it listens."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]


@contextmanager
def forwarding(node: Cut, *what: str) -> Iterator[Forwarding]:
    """Run `ferryman forward` until the end of the context."""
    command = [FERRYMAN, "forward", node.node_id, *what, "--json"]
    with subprocess.Popen(command, env=node.environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            host, _, port = json.loads(process.stdout.readline())["forwards"][0]["listen"].rpartition(":")
            yield Forwarding(process, (host, int(port)))
        finally:
            process.terminate()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy(node: Cut, source: str, destination: str, copied: Path) -> None:
    """Run `ferryman cp`; cut from the moment that the unfinished copy of `copied` grows."""
    command = [FERRYMAN, "cp", source, destination]
    with subprocess.Popen(command, env=node.environment, stderr=subprocess.PIPE, text=True) as process:
        wait_until(lambda: process.poll() is not None or has_begun(copied))
        with node.cutter(first_seconds=0.05) as cutter:  # a fast machine copies all in less than a second
            _, complaints = process.communicate(timeout=PATIENCE)
    assert (process.returncode, complaints) == (0, "")
    assert sum(cutter.done.values())


def has_begun(copied: Path) -> bool:
    return any(each.stat().st_size for each in copied.parent.glob(f".ferryman-part-*/{copied.name}"))


def test_a_file_is_copied_whole(node: Cut, tmp_path: Path) -> None:
    source = random.Random(SEED)  # noqa: S311 - chance that can be had again, no secret
    with (tmp_path / "source").open("wb") as file:
        for _ in range(COPIED_MIB):
            file.write(source.randbytes(1 << 20))
    there, back = tmp_path / "there", tmp_path / "back"
    copy(node, str(tmp_path / "source"), f"{node.node_id}:{there}", there)
    copy(node, f"{node.node_id}:{there}", str(back), back)
    assert digest(tmp_path / "source") == digest(there) == digest(back)


class Talk:
    """One end of a forwarded connection: sends blocks until told to stop, and hears its peer out."""

    def __init__(self, connection: socket.socket, seed: int, stop: threading.Event) -> None:
        self.sent, self.heard = hashlib.sha256(), hashlib.sha256()
        self.sent_bytes = self.heard_bytes = 0
        self.fault: OSError | None = None
        self._connection = connection
        self._source = random.Random(seed)  # noqa: S311 - chance that can be had again, no secret
        self._stop = stop
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._send, self._hear)]
        for thread in self._threads:
            thread.start()

    def join(self, seconds: float) -> bool:
        """Wait for both directions' ends; whether they came."""
        for thread in self._threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in self._threads)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as fault:
            self.fault = fault

    def _send(self) -> None:
        while not self._stop.is_set():
            block = self._source.randbytes(self._source.randrange(1, 1 << 18))
            self.sent.update(block)
            self.sent_bytes += len(block)
            self._connection.sendall(block)
            self._stop.wait(PAUSE)
        self._connection.shutdown(socket.SHUT_WR)

    def _hear(self) -> None:
        while data := self._connection.recv(1 << 18):
            self.heard.update(data)
            self.heard_bytes += len(data)


def test_forwarded_connections_carry_every_byte(node: Cut) -> None:
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listening.getsockname()[1]
        forward = stack.enter_context(forwarding(node, f"0:{port}"))
        talks: list[tuple[Talk, Talk]] = []
        for number in range(CONNECTIONS):
            ours = stack.enter_context(socket.create_connection(forward.address, timeout=PATIENCE))
            theirs = stack.enter_context(listening.accept()[0])
            theirs.settimeout(PATIENCE)
            talks.append((Talk(ours, 2 * number, stop), Talk(theirs, 2 * number + 1, stop)))
        with node.cutter(kills=True) as cutter:
            try:
                wait_until(lambda: sum(cutter.done.values()) >= CUTS and cutter.done["kill"])
            finally:
                stop.set()
        over = [talk.join(PATIENCE) for pair in talks for talk in pair]
        assert all(over)
        assert [talk.fault for pair in talks for talk in pair] == [None] * 2 * CONNECTIONS
        for ours_talk, theirs_talk in talks:
            assert ours_talk.sent.digest() == theirs_talk.heard.digest()
            assert theirs_talk.sent.digest() == ours_talk.heard.digest()
        assert forward.process.poll() is None


@contextmanager
def late_resumes(node: Cut, session_id: str) -> Iterator[None]:
    """Call ResumeSession all the time, as calls do that a server answers after their client has given them up."""
    ssm, stop = node.ferryman.client("ssm"), threading.Event()

    def resume() -> None:
        while not stop.is_set():
            ssm.resume_session(SessionId=session_id)

    with ThreadPoolExecutor() as threads:
        resuming = threads.submit(resume)
        try:
            yield
        finally:
            stop.set()
            resuming.result(PATIENCE)


def test_a_shell_outlives_tokens_that_late_resumes_replace(node: Cut, open_shell: OpenShell) -> None:
    log = Path(node.ferryman.facts["profile_dir"]).parents[1] / "server.log"
    shell = open_shell(node, FERRYMAN, "shell", node.node_id)
    shell.prompt()
    session_id = node.ferryman.active_sessions()[0]["SessionId"]

    def refused() -> int:
        records = [json.loads(line) for line in log.read_text().splitlines() if session_id in line]
        return sum(record["event"] == "channel refused" for record in records)

    # A program of its own: an interrupt between the fork and the exec of what an interactive bash loops over is lost.
    loop = "n=0; while [ $n -lt 100000 ]; do n=$((n+1)); echo out-$n; sleep 0.02; done"
    shell.child.send(f"sh -c '{loop}'\n")
    seen = shell.expect(r"out-5\r\n")
    for _ in range(REFUSALS):
        before = refused()
        with late_resumes(node, session_id):  # no longer than it takes: a session's failed attempts are limited
            while refused() == before:
                node.client.cut(reset=True)
                line = b""
                while not line and refused() == before:
                    line = shell.next(r"out-\d+\r\n")
                seen += line
        seen += shell.expect(r"out-\d+\r\n")
    shell.child.sendcontrol("c")
    seen += shell.run("echo over-$((40+2))", "over-42\r\n")
    numbers = [int(number) for number in re.findall(rb"out-(\d+)\r\n", seen)]
    assert numbers == list(range(1, numbers[-1] + 1))
    shell.child.send("exit 0\n")
    assert shell.end() == 0


def test_a_shell_loses_and_doubles_nothing(node: Cut, open_shell: OpenShell) -> None:
    shell = open_shell(node, FERRYMAN, "shell", node.node_id)
    shell.prompt()
    shell.run(
        f"(for i in $(seq 1 {LINES}); do echo out-$i; sleep 0.02; done; echo over-$((40+2))) & echo on-$((40+2))",
        "on-42\r\n",
    )
    shell.child.send("n=0; while read line; do n=$((n+1)); echo got-$n-$line; done\n")
    typed = 0
    seen = b""
    with node.cutter() as cutter:
        while b"over-42" not in seen:
            seen += shell.expect(r"(out|over)-\d+\r\n")
            typed += 1
            shell.child.send(f"line-{typed}\n")
        seen += shell.expect(rf"got-{typed}-line-{typed}\r\n")
    assert re.findall(rb"out-(\d+)\r\n", seen) == [b"%d" % n for n in range(1, LINES + 1)]
    assert re.findall(rb"got-(\d+)-line-(\d+)\r\n", seen) == [(b"%d" % n, b"%d" % n) for n in range(1, typed + 1)]
    assert sum(cutter.done.values()) > 5
    shell.child.sendcontrol("d")
    shell.child.send("exit 0\n")
    assert shell.end() == 0
