"""A server process of a test's own, with a standard error, limits and a store of the test's choice."""

import contextlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ferryman.cli.operate.init import ServerPlan, initialise
from tests.e2e.demo import Ferryman
from tests.e2e.processes.forked_processes import ForkedServer
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until


@dataclass
class LoneServer(Ferryman):
    """A configured server, running or not."""

    process: Any
    """A `ForkedServer`, or a `Popen` if something was prepared in its process."""
    configuration: Path

    @property
    def store(self) -> Path:
        """The database's file."""
        return self.configuration.with_name("ferryman.db")

    def health(self, timeout: float = PATIENCE) -> tuple[int, dict[str, Any]]:
        """What `/healthz` answers."""
        url = f"{self.facts['endpoint_url']}/healthz"
        try:
            with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 our own
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    @contextlib.contextmanager
    def started(
        self, stderr: int | IO[Any], prepare: Callable[[], None] | None = None
    ) -> Iterator["subprocess.Popen[str]"]:
        """Run the server; `prepare` runs in its process before it."""
        self.process = subprocess.Popen(
            [FERRYMAN, "server", "--config", str(self.configuration)],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stderr=stderr,
            text=True,
            preexec_fn=prepare,
        )
        try:
            yield self.process
        finally:
            self.process.kill()
            self.process.wait(PATIENCE)

    @contextlib.contextmanager
    def running(  # type: ignore[override] # a server, not a client
        self, stderr: int | IO[Any], prepare: Callable[[], None] | None = None
    ) -> Iterator["LoneServer"]:
        """Run the server and wait until it answers."""
        with contextlib.ExitStack() as stack:
            if prepare is not None:
                stack.enter_context(self.started(stderr, prepare))
            else:
                self.process = ForkedServer(self.configuration, stderr)
                stack.callback(lambda: self.process.wait(PATIENCE))
                stack.callback(lambda: self.process.kill())
            wait_until(self.answers)
            yield self

    def refusal(self) -> str:
        """Run the server, which must not start; the last line that it leaves."""
        command = [FERRYMAN, "server", "--config", str(self.configuration)]
        done = warm_programs.run(*command, environment={"PATH": os.environ["PATH"]})
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.splitlines()[-1]


def lone_server(directory: Path) -> LoneServer:
    """Configure a server in a directory."""
    port = free_port()
    made = initialise(ServerPlan(directory, listen=f"127.0.0.1:{port}"))
    facts: dict[str, Any] = {
        "profile_dir": str(made.profile_directory),
        "endpoint_url": made.public_url,
        "region": made.region,
        "access_key_id": made.credentials.access_key_id,
        "secret_access_key": made.credentials.secret_access_key.reveal(),
        "ca_file": None,
    }
    process: subprocess.Popen[str] = subprocess.Popen(["true"], text=True)
    process.wait(PATIENCE)
    return LoneServer(facts, process, made.configuration)
