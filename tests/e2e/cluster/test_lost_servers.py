"""Three servers behind HAProxy: whichever is lost, sessions continue without a gap."""

import json
import os
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ferryman.store.offline.examination import is_served
from tests.e2e.agents import agent_of_its_own
from tests.e2e.cluster.balancers import NAMES
from tests.e2e.cluster.cluster import Cluster, running_cluster
from tests.e2e.cluster.load import Load, running
from tests.e2e.shell import OpenShell, Shell
from tests.nats import NatsServer, running_nats_cluster
from tests.postgresql import Postgresql, running_postgresql
from tests.waiting import PATIENCE, wait_until

COUNT = "n=0; while [ ! -e {stop} ]; do n=$((n+1)); echo n$n; sleep 0.05; done; echo counted-$n"
ONE_TRY = Config(retries={"total_max_attempts": 1})
OUTAGE_SECONDS = float(os.environ.get("FERRYMAN_TEST_OUTAGE_SECONDS", "3"))
LOST_OF_RECORDING = 200
"""Lines of ten seconds: what the recording may miss, a second for each of the two servers that were killed, and five on
a busy machine."""


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[NatsServer]]:
    """One NATS of several, which are stopped; each server knows another one of them."""
    with running_nats_cluster(tmp_path_factory.mktemp("nats"), len(NAMES)) as servers:
        yield servers


@pytest.fixture(scope="module")
def database() -> Iterator[Postgresql]:
    """One of its own, which is stopped."""
    account = "nobody" if os.geteuid() == 0 else None
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as directory,
        running_postgresql(Path(directory), account) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def cluster(
    database: Postgresql,
    nats: list[NatsServer],
    program: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    known = [each.url for each in nats]
    with (
        running_cluster(directory, database.url("postgres"), known, program("haproxy")) as cluster,
        agent_of_its_own(cluster, directory / "agent", cluster.facts["endpoint_url"]) as node_id,
    ):
        cluster.node = node_id
        wait_until(cluster.is_whole)
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
    """People who type, a forward and copies, all of which check that nothing is lost, doubled or changed.

    What every second person types is encrypted end to end.
    """
    key = cluster.client("kms").create_key()["KeyMetadata"]["Arn"]
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"kmsKeyId": key}}
    cluster.client("ssm").create_document(Name="Encrypted", Content=json.dumps(content), DocumentType="Session")
    with ExitStack() as stack:
        started = [
            stack.enter_context(running(kind, cluster.node_id, count, cluster.environment, "Encrypted"))
            for kind, count in (("typing", 4), ("forwards", 1), ("copies", 1))
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
        gap = max(gap, longest_gap(shell, cluster.is_whole))
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


@dataclass
class Count:
    """A shell in which a count goes on."""

    shell: Shell
    session_id: str

    def stop(self) -> None:
        """End it, and check that no number is missing or doubled."""
        self.shell.run("stop", "n\\d+\r\n")
        counted = [int(each) for each in re.findall(rb"(?m)^n(\d+)\r$", self.shell.seen)]
        assert counted == list(range(1, len(counted) + 1))


@pytest.fixture
def count(cluster: Cluster, open_shell: OpenShell) -> Iterator[Count]:
    wait_until(cluster.is_whole)
    shell = open_shell(cluster)
    session_id = shell.session_id()
    shell.prompt()
    shell.run('n=0; while read -t 0.05 line || [ -z "$line" ]; do n=$((n+1)); echo n$n; done', "n10\r\n")
    yield Count(shell, session_id)
    wait_until(cluster.is_whole)


def test_a_count_goes_on_without_nats(
    cluster: Cluster, count: Count, open_shell: OpenShell, nats: list[NatsServer]
) -> None:
    """Both ends of a session are on one server. When NATS is back, everything else works again by itself."""
    for each in nats:
        each.stop()
    wait_until(lambda: cluster.ready() == 0)
    assert longest_gap(count.shell, seconds(3)) < PATIENCE
    for each in nats:
        each.start()
    wait_until(cluster.is_whole)
    other = open_shell(cluster)
    other.prompt()
    count.stop()


def test_one_server_is_cut_off_from_nats(cluster: Cluster, count: Count, nats: list[NatsServer]) -> None:
    """Its nodes are offline for the others, and only they; its sessions continue, and it heals by itself."""
    nats[0].stop()
    cut_off, others = cluster.servers[0], cluster.servers[1:]
    wait_until(lambda: not cluster.answers_at(cut_off.port))
    began = time.monotonic()
    wait_until(lambda: all(cluster.is_connected_by(each) != cluster.is_connected_by(cut_off) for each in others))
    print(f"offline for the others after {time.monotonic() - began:.1f} s")
    wait_until(lambda: all(cluster.answers_at(each.port) for each in others))
    assert longest_gap(count.shell, seconds(2)) < PATIENCE
    nats[0].start()
    wait_until(cluster.is_whole)
    count.stop()


def test_the_database_is_away(cluster: Cluster, count: Count, database: Postgresql) -> None:
    """Sessions do not notice; calls fail with an error that clients retry, and none waits for ever."""
    before = {row["SessionId"] for row in cluster.active_sessions()}  # some of earlier tests may be ending
    database.stop()
    began = time.monotonic()
    ssm = cluster.client("ssm", config=ONE_TRY)
    for call in (ssm.describe_sessions, ssm.start_session, ssm.terminate_session):
        arguments: dict[str, Any] = {"State": "Active"} if call == ssm.describe_sessions else {}
        arguments |= {"Target": cluster.node_id} if call == ssm.start_session else {}
        arguments |= {"SessionId": count.session_id} if call == ssm.terminate_session else {}
        with pytest.raises(ClientError) as failed:
            call(**arguments)
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    print(f"three calls failed within {time.monotonic() - began:.1f} s")
    print(f"longest pause: {longest_gap(count.shell, seconds(OUTAGE_SECONDS)):.2f} s")
    database.start()
    wait_until(cluster.is_whole)
    after = {row["SessionId"] for row in cluster.active_sessions()}
    assert count.session_id in after, "nothing was half done"
    assert after <= before, "nothing was half done"
    for name in NAMES:
        wait_until(lambda name=name: is_served(database.url("postgres"), name))  # type: ignore[misc]
    for _ in range(3):
        database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ferryman'")
        cluster.client("ssm").describe_sessions(State="Active")
    count.stop()
