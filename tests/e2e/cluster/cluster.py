"""Several servers on one PostgreSQL and one NATS behind a load balancer, real processes."""

import contextlib
import http.client
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from ferryman.cli.operate.init import ServerPlan, initialise
from tests.e2e.cluster.balancers import NAMES, running_balancer
from tests.e2e.demo import Ferryman
from tests.e2e.processes.forked_processes import ForkedServer
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

SHARED = """
[bus]
url = "{nats}"

[connections]
trusted_proxies = ["127.0.0.1/32"]

[recordings]
mode = "best-effort"
directory = "../recordings"
"""


@dataclass
class OneServer:
    """One of the servers, running or not."""

    configuration: Path
    port: int
    process: ForkedServer | None = None

    @property
    def log(self) -> Path:
        return self.configuration.with_name("log")

    def start(self) -> None:
        """Run it."""
        with self.log.open("ab") as log:
            self.process = ForkedServer(self.configuration, log)

    def end(self, *, kill: bool = False) -> None:
        """Stop it, or kill it, and wait until it is gone."""
        if self.process is not None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
            self.process.wait(PATIENCE)
            self.process = None


@dataclass
class Cluster(Ferryman):
    """The servers, and a client's view of them through the balancer."""

    servers: list[OneServer] = field(default_factory=list)
    node: str = ""

    @property
    def node_id(self) -> str:
        return self.node

    def ready(self) -> int:
        """How many servers the balancer sends calls to."""
        for server in self.servers:
            assert server.process is None or server.process.poll() is None, server.log.read_text()
        return sum(self.answers_at(server.port) for server in self.servers)

    def is_whole(self) -> bool:
        """Whether every server is ready, and the node is online as each sees it: NATS's servers find each other after
        Ferryman's have found theirs."""
        return (
            self.ready() == len(self.servers)
            and all(self.is_connected_by(each) for each in self.servers)
            and self.is_connected()
        )

    def is_connected_by(self, server: OneServer) -> bool:
        """Whether the node is online as one of the servers sees it."""
        own = Cluster(self.facts | {"endpoint_url": f"http://127.0.0.1:{server.port}"}, self.process, node=self.node)
        return own.is_connected()

    def answers_at(self, port: int) -> bool:
        """Whether a server is ready."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@contextlib.contextmanager
def running_cluster(
    directory: Path, database: str, nats: Sequence[str], balancer: str, drain_seconds: float = 3
) -> Iterator[Cluster]:
    """Run three servers and a balancer until the end of the context; `nats` has what each server knows of NATS.

    `balancer` is the path of HAProxy, nginx or Envoy.
    """
    public = free_port()
    made = initialise(ServerPlan(directory / NAMES[0], listen=f"127.0.0.1:{public}", database=database))
    for name in NAMES[1:]:
        shutil.copytree(directory / NAMES[0], directory / name)
    paths = [directory / name / made.configuration.name for name in NAMES]
    servers = [_configured(*each, drain_seconds) for each in zip(paths, NAMES, nats, strict=True)]
    facts: dict[str, Any] = {
        "profile_dir": str(made.profile_directory),
        "endpoint_url": made.public_url,
        "region": made.region,
        "access_key_id": made.credentials.access_key_id,
        "secret_access_key": made.credentials.secret_access_key.reveal(),
        "ca_file": None,
    }
    idle: subprocess.Popen[str] = subprocess.Popen(["true"], text=True)
    idle.wait(PATIENCE)
    cluster = Cluster(facts, idle, servers)
    with running_balancer(balancer, directory, public, [each.port for each in servers]):
        try:
            for server in servers:
                server.start()
            wait_until(lambda: cluster.ready() == len(servers))
            wait_until(cluster.answers)
            yield cluster
        finally:
            for server in servers:
                server.end()


def _configured(path: Path, name: str, nats: str, drain_seconds: float) -> OneServer:
    """Add what must differ to a server's own copy of the settings."""
    port = free_port()
    own = f'listen = "127.0.0.1:{port}"\nname = "{name}"\ndrain_seconds = {drain_seconds}'
    text = re.sub(r'(?m)^listen = ".*"$', own, path.read_text())
    path.write_text(text + SHARED.format(nats=nats))
    return OneServer(path, port)
