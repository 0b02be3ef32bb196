"""What an agent costs a node: installed size, packages, and memory, as the agent's wheel is installed.

The wheel is built from this checkout, and what it needs is taken from this environment, with a compiled file for each
module, as pip makes them. For the memory, an agent of its own runs with only these on its path, so without Typer and
uvloop. Proportional set size (PSS): a page that several processes share counts for each as its part.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.measurement import Bar, Measurement
from benchmarks.sessions.echo import Ferryman, demo, opened
from tests.agent_installation import build_wheel, closure, installed_bytes, link_packages, unpacked

SETTLE_SECONDS = 5.0
LIMIT = 30.0
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Memory:
    """What an agent holds, in bytes."""

    idle: int
    """The agent and its zygote together, proportionally."""
    worker: int
    """A session worker with a shell, proportionally."""
    own: int
    """What only that worker has."""


def run() -> list[Measurement]:
    """Takes some forty seconds."""
    needed = closure("ferryman", "agent")
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory:
        wheel = unpacked(build_wheel(Path(directory)), Path(directory) / "wheel")
        size = installed_bytes(wheel, needed.values())
        packages = link_packages(needed.values(), wheel, Path(directory) / "packages")
        plain, encrypted = (memory(Path(directory), packages, tls=tls) for tls in (False, True))
    return [
        Measurement(
            "The agent's wheel and what it needs, installed", size / MEGABYTE, "MB", bar=Bar("value", at_most=40)
        ),
        Measurement("The agent's wheel, packages it needs", len(needed), "packages"),
        *measurements(plain, ""),
        *measurements(encrypted, ", with TLS"),
    ]


def measurements(found: Memory, how: str) -> list[Measurement]:
    return [
        Measurement(f"{what}{how}", value / MEGABYTE, "MB", bar=Bar("value", at_most=bar))
        for what, value, bar in (
            ("Idle agent and zygote together, PSS", found.idle, 60),
            ("Session worker with a shell, PSS", found.worker, 15),
            ("Session worker with a shell, private", found.own, 8),
        )
    ]


def memory(directory: Path, packages: Path, *, tls: bool) -> Memory:
    """Run an agent and a shell on its node, and measure them."""
    with (
        demo(directory, tls=tls) as running,
        agent(running, packages, directory / f"state-{tls}") as (process, node),
    ):
        time.sleep(SETTLE_SECONDS)
        zygote = process.children()[0]
        idle = pss(process) + pss(zygote)
        with opened(running.command(Target=node), running.environment) as terminal:
            terminal.prompt()
            (worker,) = [each for each in zygote.children() if each.name() == "ferryman-worker"]
            time.sleep(SETTLE_SECONDS)
            return Memory(idle, pss(worker), worker.memory_full_info().uss)


@contextmanager
def agent(running: Ferryman, packages: Path, state: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run an agent that can import only what is in a directory; its process and its node's id, when it is connected."""
    activation = running.ssm.create_activation(IamRole="FerrymanBenchmarks")
    program = [sys.executable, "-S", "-P", "-m", "ferryman.cli.main", "agent"]
    environment = {"PYTHONPATH": str(packages), "PATH": os.defpath, "HOME": str(state)}
    register = ["register", "--endpoint-url", running.facts["endpoint_url"], "--state-dir", str(state)]
    if running.facts["ca_file"]:
        register += ["--ca-file", running.facts["ca_file"]]
    done = subprocess.run(
        [*program, *register, "--activation-id", activation["ActivationId"], "--region", running.facts["region"]],
        env=environment | {"FERRYMAN_ACTIVATION_CODE": activation["ActivationCode"]},
        check=True,
        capture_output=True,
        text=True,
    )
    node = done.stdout.strip()
    command = [*program, "run", "--state-dir", str(state), "--log-format", "json"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            deadline = time.monotonic() + LIMIT
            while running.ssm.get_connection_status(Target=node)["Status"] != "connected":
                assert time.monotonic() < deadline, "the agent did not connect"
                time.sleep(0.1)
            yield psutil.Process(process.pid), node
        finally:
            process.terminate()


def pss(process: psutil.Process) -> int:
    return int(process.memory_full_info().pss)
