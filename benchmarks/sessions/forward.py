"""Port forwarding by the whole real path, beside `ssh -L`: the same topology on loopback, in one run.

Ferryman's way: the session manager plugin, the server and an agent of a held demo, with the AWS-owned document.
OpenSSH's ways: through a jump host, which has as many processes in the middle, and without one. The far service is a
plain TCP source and sink. Each note says how many cores every process kept busy, for cores are the usual limit.
"""

import os
import re
import socket
import statistics
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers import openssh, traffic
from benchmarks.peers.openssh import NotHere, OpenSsh
from benchmarks.peers.tcp_splice import processor_seconds
from benchmarks.peers.traffic import Direction
from benchmarks.sessions import echo
from benchmarks.sessions.echo import Ferryman

ROUNDS = 2
SECONDS = 5.0
WARM_UP = 1.0
STREAMS = 100
KEYS = 300
DELAY = 0.025
"""Added each way between client and server, or client and jump host: 50 ms to the round trip."""
DELAYED_WARM_UP = 3.0
"""Windows grow by round trips."""
AWS_UPSTREAM = 0.7 * 2**20 / 1e6
"""MB/s that AWS's plugin and agent move upstream."""
DIRECTIONS: tuple[Direction, Direction] = ("up", "down")
WAYS = {"up": "client to node", "down": "node to client"}
FERRYMAN, JUMP, DIRECT = "ferryman", "ssh -L through a jump host", "ssh -L direct"
LIMIT = 20.0
NOT_THE_PATH = {"measuring", "far service", "delaying relay", "other programs"}


def run() -> list[Measurement]:
    """Measure; takes about two and a half minutes."""
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ferryman-bench-")))
        ferryman = stack.enter_context(echo.demo(directory))
        service = stack.enter_context(traffic.service())
        try:
            ssh = stack.enter_context(openssh.running(directory))
            note = ""
        except NotHere as reason:
            ssh, note = None, str(reason)
        bench = Bench(ferryman, ssh, service, note)
        return [*_throughput(bench), *_echo_beside(bench), *_delayed(bench)]


@dataclass(frozen=True, slots=True)
class Bench:
    """What is compared; `ssh` is None, and `note` says why, where OpenSSH cannot be measured."""

    ferryman: Ferryman
    ssh: OpenSsh | None
    service: int
    note: str

    @contextmanager
    def forwards(self, names: tuple[str, ...]) -> Iterator[dict[str, int]]:
        """Running forwards to the service, as local ports."""
        with ExitStack() as stack:
            ports = {FERRYMAN: stack.enter_context(forwarded(self.ferryman, self.service))} if FERRYMAN in names else {}
            if self.ssh:
                for name, host in ((JUMP, "jumped"), (DIRECT, "direct")):
                    if name in names:
                        ports[name] = stack.enter_context(forwarded_by_ssh(self.ssh, host, self.service))
            yield ports


@contextmanager
def forwarded(ferryman: Ferryman, port: int, through: int | None = None) -> Iterator[int]:
    """A forward by the plugin; `through` is the port of a relay that leads to the server."""
    parameters = {"portNumber": [str(port)], "localPortNumber": ["0"]}
    command = ferryman.command(DocumentName="AWS-StartPortForwardingSession", Parameters=parameters)
    if through is not None:
        command[1] = re.sub(r"(ws://[^/:]*):\d+", rf"\1:{through}", command[1])
    with subprocess.Popen(command, env=ferryman.environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"Port (\d+) opened", line):
                    yield int(found[1])
                    return
            raise AssertionError(f"the plugin opened no port: exit status {process.wait(LIMIT)}")
        finally:
            process.terminate()


@contextmanager
def forwarded_by_ssh(ssh: OpenSsh, host: str, port: int) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        local: int = free.getsockname()[1]
    ways = f"127.0.0.1:{local}:127.0.0.1:{port}"
    command = ssh.command(host, "-N", "-o", "ExitOnForwardFailure=yes", "-L", ways)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + LIMIT
            while not _accepts(local):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise AssertionError("ssh forwards no port")
                time.sleep(0.05)
            yield local
        finally:
            process.terminate()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# Throughput


@dataclass(slots=True)
class Rate:
    """MB/s of each round, and by process the cores that it kept busy in the last."""

    rounds: list[float] = field(default_factory=list)
    busy: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.rounds)

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {cores:.2f}" for name, cores in self.busy.items() if cores >= 0.02)
        path = sum(cores for name, cores in self.busy.items() if name not in NOT_THE_PATH)
        return f"{shares}; {self.rounds[-1] / path:.0f} MB a core-second" if path else shares


def measure(bench: Bench, port: int, direction: Direction, found: Rate, warm_up: float = WARM_UP) -> None:
    """One round."""
    if direction == "down":
        with Busy(found):  # the warm-up as well
            (size,) = traffic.read_each(port, 1, warm_up, SECONDS)
            found.rounds.append(size / SECONDS / 1e6)
        return
    with traffic.bulk(port, direction):
        time.sleep(warm_up)
        with Busy(found):
            before, began = traffic.read_by_service(bench.service), time.perf_counter()
            time.sleep(SECONDS)
            size = traffic.read_by_service(bench.service) - before
            found.rounds.append(size / (time.perf_counter() - began) / 1e6)


class Busy:
    """Fills in how busy each of our descendants, and this process, was within."""

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self.began = time.perf_counter()
        self.machine = 0.0
        self.before: dict[psutil.Process, float] = {}

    def __enter__(self) -> None:
        self.machine = _machine_seconds()
        self.before = {process: processor_seconds(process) for process in _processes()}

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self.began
        used: Counter[str] = Counter()
        for process, before in self.before.items():
            if process.is_running():
                used[_name(process)] += (processor_seconds(process) - before) / took  # type: ignore[assignment]
        others = (_machine_seconds() - self.machine) / took - sum(used.values())
        self.rate.busy = {**dict(used.most_common()), "other programs": others}


def _machine_seconds() -> float:
    """Processor seconds of everything that ran on this machine."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _processes() -> list[psutil.Process]:
    this = psutil.Process()
    return [this, *this.children(recursive=True)]


def _name(process: psutil.Process) -> str:
    """What a process is in the note."""
    if process.pid == os.getpid():
        return "measuring"
    command = " ".join(process.cmdline())
    names = {
        "session-manager-plugin": "plugin",
        " server --config": "server",
        " internal-part zygote": "agent's worker",
        " demo --hold": "demo",
        "benchmarks.peers.traffic service": "far service",
        "benchmarks.peers.traffic delay": "delaying relay",
    }
    return next((name for part, name in names.items() if part in command), process.name())


def _throughput(bench: Bench) -> list[Measurement]:
    """Every contender in turn, so that what else the machine does hits all alike."""
    rates = {(name, direction): Rate() for direction in DIRECTIONS for name in (FERRYMAN, JUMP, DIRECT)}
    with bench.forwards((FERRYMAN, JUMP, DIRECT)) as ports:
        for _ in range(ROUNDS):
            for (name, direction), found in rates.items():
                if name in ports:
                    measure(bench, ports[name], direction, found)
        lines = [line for direction in DIRECTIONS for line in _compared(bench, rates, direction)]
        down = rates[FERRYMAN, "down"].mean
        return [*lines, *_streams(ports[FERRYMAN], down)]


def _compared(bench: Bench, rates: dict[tuple[str, Direction], Rate], direction: Direction) -> list[Measurement]:
    name = f"forward, {WAYS[direction]}"
    ours = rates[FERRYMAN, direction]
    lines = []
    for peer, bar in ((JUMP, Bar("ratio", at_least=1.3)), (DIRECT, None)):
        theirs = rates[peer, direction]
        value = theirs.mean if theirs.rounds else None
        note = f"cores: theirs {theirs}" if theirs.rounds else bench.note
        lines.append(Measurement(name, ours.mean, "MB/s", peer, value, bar, note))
    note = f"cores: ours {ours}"
    bar = Bar("ratio", at_least=400)
    return [*lines, Measurement(name, ours.mean, "MB/s", "AWS's ends, upstream", AWS_UPSTREAM, bar, note)]


def _streams(port: int, alone: float) -> list[Measurement]:
    """Many streams share; one that nobody reads stops no other."""
    counts = traffic.read_each(port, STREAMS, WARM_UP, SECONDS)
    mean = statistics.fmean(counts)
    fair = Measurement(
        f"forward, {STREAMS} streams, slowest",
        min(counts) / SECONDS / 1e6,
        "MB/s",
        "their mean",
        mean / SECONDS / 1e6,
        Bar("ratio", at_least=0.5),
        f"together {sum(counts) / SECONDS / 1e6:.0f} MB/s",
    )
    with traffic.flow(port, "down"):
        # Its window is full by the end of the other's warm-up.
        (size,) = traffic.read_each(port, 1, WARM_UP, SECONDS)
    beside = size / SECONDS / 1e6
    return [
        fair,
        Measurement("forward beside a stalled stream", beside, "MB/s", "without it", alone, Bar("ratio", at_least=0.5)),
    ]


# Keystrokes beside bulk


def _echo_beside(bench: Bench) -> list[Measurement]:
    commands = {FERRYMAN: bench.ferryman.command()}
    if bench.ssh:
        commands[JUMP] = bench.ssh.command("jumped", "-tt")
    with ExitStack() as stack:
        terminals = {
            name: stack.enter_context(echo.opened(command, bench.ferryman.environment))
            for name, command in commands.items()
        }
        for terminal in terminals.values():
            terminal.prompt()
            os.write(terminal.fd, echo.QUIET)
            terminal.read_until(lambda seen: b"ready-42\r\n" in seen)
        ports = stack.enter_context(bench.forwards((FERRYMAN, JUMP)))
        idle = {name: _median(terminal) for name, terminal in terminals.items()}
        busy: dict[tuple[str, Direction], float] = {}
        for direction in DIRECTIONS:
            for name, terminal in terminals.items():
                with traffic.bulk(ports[name], direction):
                    time.sleep(WARM_UP)
                    busy[name, direction] = _median(terminal)
    theirs = {
        direction: f"{JUMP}: {idle[JUMP]:.0f} → {busy[JUMP, direction]:.0f}" if JUMP in idle else bench.note
        for direction in DIRECTIONS
    }
    return [
        Measurement(
            "keystroke echo, p50, idle",
            idle[FERRYMAN],
            "µs",
            "ssh through a jump host",
            idle.get(JUMP),
            Bar("ratio", at_most=1),
            bench.note,
        ),
        *(
            Measurement(
                f"keystroke echo, p50, beside bulk {WAYS[direction]}",
                busy[FERRYMAN, direction],
                "µs",
                "its own idle",
                idle[FERRYMAN],
                Bar("ratio", at_most=3),
                theirs[direction],
            )
            for direction in DIRECTIONS
        ),
    ]


def _median(terminal: echo.Terminal) -> float:
    took = []
    for _ in range(KEYS):
        time.sleep(echo.PAUSE)
        took.append(terminal.key())
    return 1e6 * statistics.median(took)


# A long way


def _delayed(bench: Bench) -> list[Measurement]:
    """The relay stands in front of the server and of the jump host, where netem would, which not every kernel has.

    It delays bytes, not packets: windows of the sessions are tried by it, those of TCP are not.
    """
    rates = {(name, direction): Rate() for direction in DIRECTIONS for name in (FERRYMAN, JUMP)}
    with ExitStack() as stack:
        server = int(bench.ferryman.facts["endpoint_url"].rpartition(":")[2].strip("/"))
        relay = stack.enter_context(traffic.delayed(server, DELAY))
        ports = {FERRYMAN: stack.enter_context(forwarded(bench.ferryman, bench.service, relay))}
        if bench.ssh:
            ssh = _far_away(bench.ssh, stack.enter_context(traffic.delayed(bench.ssh.jump_port, DELAY)))
            ports[JUMP] = stack.enter_context(forwarded_by_ssh(ssh, "jumped", bench.service))
        for (name, direction), found in rates.items():
            if name in ports:
                measure(bench, ports[name], direction, found, DELAYED_WARM_UP)
    lines = []
    for direction in DIRECTIONS:
        ours, theirs = rates[FERRYMAN, direction], rates[JUMP, direction]
        peer = theirs.mean if theirs.rounds else None
        note = f"delay by a relay of ours; cores: {ours}. {bench.note}"
        name = f"forward over {2 * DELAY * 1e3:.0f} ms, {WAYS[direction]}"
        lines.append(Measurement(name, ours.mean, "MB/s", JUMP, peer, Bar("ratio", at_least=0.8), note))
    return lines


def _far_away(ssh: OpenSsh, relay: int) -> OpenSsh:
    """The same servers; the jump host by way of the relay."""
    directory = ssh.directory / "far"
    directory.mkdir()
    text = (ssh.directory / "ssh_config").read_text()
    (directory / "ssh_config").write_text(text.replace(f"Port {ssh.jump_port}\n", f"Port {relay}\n"))
    return replace(ssh, directory=directory)
