"""Another person's keystroke echo, and calls that write, while the server prunes a million expired sessions.

The shell is real: server, agent, session worker and client are processes, and the terminal is a pty. The idle time is
measured first, with the same store, in which nothing has expired yet; then `history_days` is shortened.
"""

import os
import signal
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.api.describe_sessions import fill, session_id
from benchmarks.measurement import Bar, Measurement
from benchmarks.sessions.echo import QUIET, Ferryman, demo, opened, quantile
from benchmarks.sessions.under_attack import until_connected
from ferryman.model.sessions import AccessType, SessionStatus
from ferryman.store.sessions.rows import ACCESS_TYPE_CODES, STATUS_CODES

ROWS = 1_000_000
IDLE_SECONDS = 30.0
PRUNING_SECONDS = 60.0
WARM_UP = 3.0
PAUSE = 0.02
"""Seconds between keystrokes."""
KEYS_A_CALL = 10
DAY = 86_400_000
ENDED_DAYS_AGO = 10
HISTORY, HISTORY_OF_A_DAY = "history_days = 30\n", "history_days = 1\n"
BAR = 2.0
"""p99 while sessions are pruned may be this many times that of the idle time."""


@dataclass
class Sample:
    """Milliseconds of keystrokes, and of calls that write."""

    keys: list[float] = field(default_factory=list)
    writes: list[float] = field(default_factory=list)


def run(rows: int = ROWS) -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        home = Path(ferryman.facts["profile_dir"]).parent
        store, configuration = home / "ferryman.db", home / "ferryman.toml"
        first = ferryman.facts["pids"]["server"]
        os.kill(first, signal.SIGSTOP)  # nobody else writes meanwhile; the demo starts another server afterwards
        fill(store, _expiring(rows))
        os.kill(first, signal.SIGKILL)
        until_connected(ferryman)
        idle = _typed(ferryman, IDLE_SECONDS)
        configuration.write_text(configuration.read_text().replace(HISTORY, HISTORY_OF_A_DAY))
        os.kill(_server(configuration), signal.SIGKILL)
        until_connected(ferryman)
        before, began = _rows_in(store), time.monotonic()
        pruning = _typed(ferryman, PRUNING_SECONDS)
        pruned, took = before - _rows_in(store), time.monotonic() - began
    if pruned <= 0:
        raise AssertionError("nothing was pruned")
    note = f"{pruned / took:.0f} of {rows:,} rows a second"
    return [
        *_compared("Keystroke echo while sessions are pruned", pruning.keys, idle.keys, note),
        *_compared("TagResource while sessions are pruned", pruning.writes, idle.writes, note),
    ]


def _compared(name: str, measured: Sequence[float], idle: Sequence[float], note: str) -> list[Measurement]:
    return [
        Measurement(f"{name}, p50", statistics.median(measured), "ms", "idle", statistics.median(idle), note=note),
        Measurement(
            f"{name}, p99",
            quantile(list(measured), 0.99),
            "ms",
            "idle",
            quantile(list(idle), 0.99),
            Bar("ratio", at_most=BAR),
            f"max {max(measured):.0f}, idle {max(idle):.0f}; {note}",
        ),
    ]


def _typed(ferryman: Ferryman, seconds: float) -> Sample:
    """Open a shell and type for some seconds; every few keys, tag the node."""
    with opened(ferryman.command(), ferryman.environment) as terminal:
        terminal.prompt()
        os.write(terminal.fd, QUIET)
        terminal.read_until(lambda seen: b"ready-42\r\n" in seen)
        sample, begin = Sample(), time.monotonic() + WARM_UP
        for number in _numbers_until(begin + seconds):
            time.sleep(PAUSE)
            if time.monotonic() < begin:
                sample = Sample()
            sample.keys.append(terminal.key() * 1000)
            if number % KEYS_A_CALL == 0:
                sample.writes.append(_tag(ferryman, str(number)))
    return sample


def _numbers_until(moment: float) -> Iterator[int]:
    number = 0
    while time.monotonic() < moment:
        yield number
        number += 1


def _tag(ferryman: Ferryman, value: str) -> float:
    began = time.perf_counter()
    ferryman.ssm.add_tags_to_resource(
        ResourceType="ManagedInstance", ResourceId=ferryman.facts["node_id"], Tags=[{"Key": "bench", "Value": value}]
    )
    return (time.perf_counter() - began) * 1000


def _expiring(rows: int) -> Iterator[tuple[object, ...]]:
    """Sessions of several people on several nodes that all ended on the same day, in order of time."""
    ended_at = time.time_ns() // 1_000_000 - ENDED_DAYS_AGO * DAY
    for number in range(rows):
        owner = f"user{number % 997}"
        yield (
            session_id(number),
            f"mi-{number * 7919 % 4999:017x}",
            STATUS_CODES[SessionStatus.TERMINATED],
            ended_at - 600_000 + number * DAY // (2 * rows),
            ended_at + number * DAY // (2 * rows),
            ended_at,
            "SSM-SessionManagerRunShell",
            f"arn:aws:iam::123456789012:user/{owner}",
            "AIDA" + owner.upper().ljust(17, "A"),
            owner,
            20,
            ACCESS_TYPE_CODES[AccessType.STANDARD],
            "a reason of some length",
            None,
        )


def _rows_in(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM sessions").fetchone()[0])


def _server(configuration: Path) -> int:
    """Return the pid of the server with this configuration; the demo says only that of the first."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"server" in words and os.fsencode(configuration) in words:
                return int(process.name)
    raise AssertionError("the server is not running")
