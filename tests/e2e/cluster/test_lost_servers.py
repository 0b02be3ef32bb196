"""Three servers behind HAProxy: whichever is lost, sessions continue without a gap."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.agents import agent_of_its_own
from tests.e2e.cluster.cluster import NAMES, Cluster, running_cluster
from tests.e2e.cluster.load import Load, running
from tests.e2e.shell import OpenShell, Shell
from tests.nats import NatsServer, running_nats
from tests.postgresql import Postgresql
from tests.waiting import PATIENCE, wait_until

COUNT = "n=0; while [ ! -e {stop} ]; do n=$((n+1)); echo n$n; sleep 0.05; done; echo counted-$n"
LOST_OF_RECORDING = 40
"""Lines of two seconds: what the recording may miss, a second for each server that was killed."""


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """One of its own, which is stopped."""
    with running_nats(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="module")
def cluster(
    postgresql: Postgresql,
    nats: NatsServer,
    program: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    postgresql.execute("CREATE DATABASE cluster")
    database = postgresql.url("cluster")
    with (
        running_cluster(directory, database, nats.url, program("haproxy")) as cluster,
        agent_of_its_own(cluster, directory / "agent", cluster.facts["endpoint_url"]) as node_id,
    ):
        cluster.node = node_id
        wait_until(cluster.is_connected)
        yield cluster


def longest_gap(shell: Shell, until: Callable[[], bool]) -> float:
    """Read the count until something is true; the seconds of its longest pause."""
    longest, last = 0.0, time.monotonic()
    while not until():
        if shell.next(r"n\d+\r\n"):
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    return longest


def seconds(count: float) -> Callable[[], bool]:
    """Whether so many have passed since now."""
    until = time.monotonic() + count
    return lambda: time.monotonic() >= until


@pytest.fixture
def loads(cluster: Cluster) -> Iterator[list[Load]]:
    """People who type, forwards and a copy, all of which check that nothing is lost, doubled or changed."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(running(kind, cluster.node_id, count, cluster.environment))
            for kind, count in (("typing", 6), ("forwards", 2), ("copies", 1))
        ]
        for each in started:
            each.until_ready()
        yield started


def test_nothing_is_lost(cluster: Cluster, loads: list[Load], open_shell: OpenShell, tmp_path: Path) -> None:
    """`aws ssm start-session`, and a load, while each server in turn is killed or stopped, and started again."""
    shell = open_shell(cluster)
    session_id = shell.session_id()
    shell.prompt()
    stop = tmp_path / "stop"
    shell.run(COUNT.format(stop=stop), "n10\r\n")
    gaps: list[str] = []
    for number, server in enumerate(cluster.servers):
        kill = number % 2 == 0
        ending = threading.Thread(target=server.end, kwargs={"kill": kill})
        ending.start()
        gap = longest_gap(shell, lambda thread=ending: not thread.is_alive())  # type: ignore[misc]
        server.start()
        gap = max(gap, longest_gap(shell, lambda: cluster.ready() == len(NAMES) and cluster.is_connected()))
        gaps.append(f"{'killed' if kill else 'stopped'}: {gap:.2f} s")
    stop.touch()
    shell.expect(r"counted-\d+\r\n")
    counted = [int(each) for each in re.findall(rb"(?m)^n(\d+)\r$", shell.seen)]
    assert counted == list(range(1, len(counted) + 1))
    shell.child.send(b"exit\n")
    shell.end()
    recorded = [int(each) for each in re.findall(rb"(?m)^n(\d+)\r$", cluster.recording(session_id))]
    assert recorded == sorted(set(recorded))
    assert len(counted) - len(recorded) <= LOST_OF_RECORDING
    reports = [each.stop() for each in loads]
    assert [fault for each in reports for fault in each.faults] == []
    assert all(each.handled for each in reports)
    print("longest pauses:", *gaps, f"slowest keystroke: {reports[0].longest_gap:.2f} s")


def test_a_count_goes_on_without_nats(cluster: Cluster, open_shell: OpenShell, nats: NatsServer) -> None:
    """Both ends of a session are on one server. When NATS is back, everything else works again by itself."""
    shell = open_shell(cluster)
    shell.prompt()
    shell.run('n=0; while read -t 0.05 line || [ -z "$line" ]; do n=$((n+1)); echo n$n; done', "n10\r\n")
    nats.stop()
    wait_until(lambda: cluster.ready() == 0)
    assert longest_gap(shell, seconds(3)) < PATIENCE
    nats.start()
    wait_until(lambda: cluster.ready() == len(NAMES) and cluster.is_connected())
    other = open_shell(cluster)
    other.prompt()
    shell.run("stop", "n\\d+\r\n")
    counted = [int(each) for each in re.findall(rb"(?m)^n(\d+)\r$", shell.seen)]
    assert counted == list(range(1, len(counted) + 1))
