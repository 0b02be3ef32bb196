"""Three servers behind HAProxy that are restarted, and then killed, one after the other, under people who type.

100 people each type five keys a second into a shell of their own, ten forwards carry 160 KB/s each way, and five copies
run. All of it is checked: nothing may be missing, doubled or changed. All of it runs on this machine: agent, session
workers, clients, three servers, PostgreSQL, NATS and HAProxy share its processors. FERRYMAN_BENCHMARK_BALANCER names
another load balancer of `packaging/load-balancers`: `nginx`, or the path of `envoy`.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.measurement import Bar, Measurement
from tests.e2e.agents import agent_of_its_own
from tests.e2e.cluster.balancers import NAMES
from tests.e2e.cluster.cluster import Cluster, OneServer, running_cluster
from tests.e2e.cluster.load import Load, Report, running
from tests.nats import running_nats
from tests.postgresql import running_postgresql
from tests.waiting import wait_until

PEOPLE, FORWARDS, COPIES = 100, 10, 5
DRAIN_SECONDS = 20
QUIET_SECONDS = 10.0
SETTLE_SECONDS = 3.0
RESTART_SECONDS = 1.0
"""How long a server that was killed stays away: as long as `RestartSec` in the service's unit says."""
RESTART_GAP = Bar("value", at_most=1)
KILL_GAP = Bar("value", at_most=3)
KINDS = ("typing", "forwards", "copies")


def run() -> list[Measurement]:
    found = os.environ.get("FERRYMAN_BENCHMARK_BALANCER", "haproxy")
    balancer = shutil.which(found, path=f"{os.environ['PATH']}:/usr/sbin")
    if balancer is None:
        return []
    with three_servers(balancer) as cluster:
        quiet = under_load(cluster, lambda: time.sleep(QUIET_SECONDS))
        restarted = under_load(cluster, lambda: each_server(cluster, kill=False))
        killed = under_load(cluster, lambda: each_server(cluster, kill=True))
    return [
        *measured("quiet", quiet, None),
        *measured("rolling restart", restarted, RESTART_GAP),
        *measured("each killed", killed, KILL_GAP),
    ]


@contextmanager
def three_servers(balancer: str) -> Iterator[Cluster]:
    account = "nobody" if os.geteuid() == 0 else None
    with ExitStack() as stack:
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(3)]
        postgresql = stack.enter_context(running_postgresql(directories[0], account))
        nats = stack.enter_context(running_nats(directories[1]))
        database = postgresql.url("postgres")
        cluster = stack.enter_context(
            running_cluster(directories[2], database, [nats.url] * len(NAMES), balancer, DRAIN_SECONDS)
        )
        agent = agent_of_its_own(cluster, directories[2] / "agent", cluster.facts["endpoint_url"])
        cluster.node = stack.enter_context(agent)
        wait_until(cluster.is_connected)
        yield cluster


def under_load(cluster: Cluster, happen: Callable[[], None]) -> dict[str, Report]:
    """Have something happen while everybody works."""
    counts = dict(zip(KINDS, (PEOPLE, FORWARDS, COPIES), strict=True))
    with ExitStack() as stack:
        loads: dict[str, Load] = {}
        for kind in KINDS:
            loads[kind] = stack.enter_context(running(kind, cluster.node_id, counts[kind], cluster.environment))
            loads[kind].until_ready()
        happen()
        reports = {kind: load.stop() for kind, load in loads.items()}
    wait_until(cluster.has_no_sessions)
    return reports


def each_server(cluster: Cluster, *, kill: bool) -> None:
    for server in cluster.servers:
        one_server(cluster, server, kill=kill)


def one_server(cluster: Cluster, server: OneServer, *, kill: bool) -> None:
    server.end(kill=kill)
    if kill:
        time.sleep(RESTART_SECONDS)
    server.start()
    wait_until(lambda: cluster.ready() == len(cluster.servers) and cluster.is_connected())
    time.sleep(SETTLE_SECONDS)


def measured(name: str, reports: dict[str, Report], bar: Bar | None) -> list[Measurement]:
    typing = reports["typing"]
    faults = [fault for report in reports.values() for fault in report.faults]
    delays = typing.delays
    note = (
        f"median {statistics.median(delays) * 1000:.0f} ms, p99 {delays[len(delays) * 99 // 100] * 1000:.0f} ms, "
        f"{len(delays)} keys, forwards {reports['forwards'].handled / 1e6:.0f} MB, {reports['copies'].handled} copies"
    )
    return [
        Measurement(f"{name}: slowest keystroke", typing.longest_gap, "s", bar=bar, note=note),
        Measurement(f"{name}: slowest of a forward", reports["forwards"].longest_gap, "s"),
        Measurement(
            f"{name}: lost, doubled or changed",
            len(faults),
            "",
            bar=Bar("value", at_most=0),
            note="; ".join(sorted(set(faults)))[:200],
        ),
    ]
