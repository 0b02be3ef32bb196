"""What an agent costs a node: installed size, packages, and memory, as `ferryman[agent]` is installed.

Size and packages are those of the extra in this environment, with a compiled file for each module, as pip makes them.
For the memory, an agent of its own runs with only those packages on its path, so without Typer and uvloop. Proportional
set size (PSS): a page that several processes share counts for each as its part.
"""

import os
import py_compile
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

import psutil
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import ferryman
from benchmarks.echo import Ferryman, demo, opened
from benchmarks.measurement import Bar, Measurement

SETTLE_SECONDS = 5.0
LIMIT = 30.0
MEGABYTE = 1_000_000
SOURCE = Path(ferryman.__file__).parent


def run() -> list[Measurement]:
    """Takes some twenty seconds."""
    needed = closure("ferryman", "agent")
    size = sum(installed_size(files_of(each)) for each in needed.values()) + installed_size(SOURCE.rglob("*"))
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as running:
        packages = link_packages(needed.values(), Path(directory) / "packages")
        with agent(running, packages, Path(directory) / "state") as (process, node):
            time.sleep(SETTLE_SECONDS)
            zygote = process.children()[0]
            idle = pss(process) + pss(zygote)
            with opened(running.command(Target=node), running.environment) as terminal:
                terminal.prompt()
                (worker,) = [each for each in zygote.children() if each.name() == "ferryman-worker"]
                time.sleep(SETTLE_SECONDS)
                session, private = pss(worker), worker.memory_full_info().uss
    return [
        Measurement("The agent's extra, installed", size / MEGABYTE, "MB", bar=Bar("value", at_most=40)),
        Measurement("The agent's extra, packages it needs", len(needed), "packages"),
        Measurement("Idle agent and zygote together, PSS", idle / MEGABYTE, "MB", bar=Bar("value", at_most=60)),
        Measurement("Session worker with a shell, PSS", session / MEGABYTE, "MB", bar=Bar("value", at_most=15)),
        Measurement("Session worker with a shell, private", private / MEGABYTE, "MB"),
    ]


def closure(name: str, extra: str = "") -> dict[str, Distribution]:
    """Return the installed distributions that one needs, by name; without itself."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extra)]
    while waiting:
        current, chosen = waiting.pop()
        for text in distribution(current).requires or []:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": chosen}):
                continue
            name = canonicalize_name(requirement.name)
            if name not in found:
                found[name] = distribution(name)
                waiting.append((name, ""))
    return found


def files_of(installed: Distribution) -> Iterable[Path]:
    return {Path(str(installed.locate_file(file))) for file in installed.files or []}


def installed_size(paths: Iterable[Path]) -> int:
    """Bytes of the files without those that are compiled here, and of what compiling them makes."""
    files = [path for path in paths if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size + (compiled_size(path) if path.suffix == ".py" else 0) for path in files)


def compiled_size(module: Path) -> int:
    with tempfile.NamedTemporaryFile(suffix=".pyc") as target:
        py_compile.compile(str(module), target.name, doraise=True)
        return Path(target.name).stat().st_size


def link_packages(needed: Iterable[Distribution], directory: Path) -> Path:
    """Make a directory with what the distributions install, and Ferryman."""
    directory.mkdir()
    (directory / "ferryman").symlink_to(SOURCE)
    for each in needed:
        for file in each.files or []:
            top = Path(file.parts[0])
            if not str(top).startswith("..") and not (directory / top).is_symlink():
                (directory / top).symlink_to(Path(str(each.locate_file(top))))
    return directory


@contextmanager
def agent(running: Ferryman, packages: Path, state: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Run an agent that can import only what is in a directory; its process and its node's id, when it is connected."""
    activation = running.ssm.create_activation(IamRole="FerrymanBenchmarks")
    program = [sys.executable, "-S", "-P", "-m", "ferryman.cli.main", "agent"]
    environment = {"PYTHONPATH": str(packages), "PATH": os.defpath, "HOME": str(state)}
    register = ["register", "--endpoint-url", running.facts["endpoint_url"], "--state-dir", str(state)]
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
