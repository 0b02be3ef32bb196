"""The reaper takes every child of its process, so each test gives it a process of its own."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ferryman.cli.demo.processes import descendants

PART = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        # Detached, and deaf to SIGTERM.
        import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("detached", os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
print("part", os.getpid(), flush=True)
time.sleep(600)
"""
DRIVER = """
import asyncio, json, sys
from pathlib import Path
from ferryman.cli.demo import processes
from ferryman.cli.demo.processes import Processes, Program

processes.END_GRACE = 1.0
processes.SHORT_LIVES_ALLOWED = 2
async def main():
    failed = asyncio.Event()
    def fail(program):
        print(json.dumps({"failed": program.name}), flush=True)
        failed.set()
    family = Processes(fail)
    family.begin()
    for name in ("first", "second"):
        program = Program(name, [sys.executable, "-c", sys.argv[1]], {}, Path(f"{name}.log"))
        print(json.dumps({name: family.keep(program)}), flush=True)
    pid = family.spawn([sys.executable, "-c", "raise SystemExit(7)"], {})
    print(json.dumps({"status": await family.wait(pid)}), flush=True)
    reading = asyncio.ensure_future(asyncio.to_thread(sys.stdin.read))
    await asyncio.wait({reading, asyncio.ensure_future(failed.wait())}, return_when="FIRST_COMPLETED")
    await family.end()
    print(json.dumps({"left": sorted(processes.descendants(__import__("os").getpid()))}), flush=True)
    __import__("os")._exit(0)
asyncio.run(main())
"""


class Driver:
    def __init__(self, directory: Path, part: str) -> None:
        self.directory = directory
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, part],
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self) -> dict[str, object]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def logged(self, name: str, word: str, times: int = 1) -> list[int]:
        """The pids that a part wrote to its log, once it has done so `times` times."""
        path = self.directory / f"{name}.log"
        while True:
            lines = path.read_text().splitlines() if path.exists() else []
            pids = [int(line.split()[1]) for line in lines if line.startswith(word)]
            if len(pids) >= times:
                return pids
            assert self.process.poll() is None
            time.sleep(0.01)

    def finish(self) -> dict[str, object]:
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.say()


@pytest.fixture
def drivers(tmp_path: Path) -> Iterator[list[Driver]]:
    made: list[Driver] = []
    yield made
    for each in made:
        each.process.kill()
        each.process.wait()
        assert each.process.stdin is not None
        assert each.process.stdout is not None
        each.process.stdin.close()
        each.process.stdout.close()


def test_the_dead_are_started_again_and_all_are_gone_in_the_end(tmp_path: Path, drivers: list[Driver]) -> None:
    driver = Driver(tmp_path, PART)
    drivers.append(driver)
    first, second = driver.say()["first"], driver.say()["second"]
    assert driver.say() == {"status": 7}
    assert driver.logged("first", "part") == [first]
    assert driver.logged("second", "part") == [second]
    assert isinstance(first, int)
    os.kill(first, signal.SIGKILL)
    restarted = driver.logged("first", "part", times=2)[1]
    assert psutil.pid_exists(restarted)
    detached = driver.logged("first", "detached", times=2)
    # What the killed part left behind has become the driver's own.
    assert psutil.Process(detached[0]).ppid() == driver.process.pid
    assert driver.finish() == {"left": []}
    assert not any(psutil.pid_exists(pid) for pid in [restarted, *detached])


def test_a_program_that_does_not_stay_up_is_given_up(tmp_path: Path, drivers: list[Driver]) -> None:
    driver = Driver(tmp_path, "raise SystemExit(1)")
    drivers.append(driver)
    said = [driver.say() for _ in range(4)]
    assert {"status": 7} in said
    assert said[3]["failed"] in {"first", "second"}


def test_descendants_are_found_whatever_their_names(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import ctypes, time
        ctypes.CDLL(None).prctl(15, b") R 1 (", 0, 0, 0)
        print(flush=True)
        time.sleep(600)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in descendants(os.getpid())
        assert child.pid not in descendants(child.pid)
        child.kill()
