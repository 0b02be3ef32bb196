"""`python -m tests.fuzz [--seconds N] [TARGET …]`: fuzz every target, or those whose names begin so.

Each target runs in a process of its own, on a stack of 2 MiB, so that an input that ends or hangs the process is found
too. What is found is written to `.fuzz/` and repeated by `python -m tests.fuzz --input FILE TARGET`.
"""

import argparse
import logging
import mmap
import os
import resource
import signal
import struct
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import structlog

from tests.fuzz import engine
from tests.fuzz.registry import TARGETS
from tests.fuzz.target import MIB, Target

FOUND = Path(".fuzz")
STACK = 2 * MIB
ADDRESS_SPACE = 4096 * MIB
"""Beyond what the process has: a call that needs more fails, and spares the machine."""
HANGING_SECONDS = 60.0
Result = tuple[Target, engine.Outcome]
_HEAD = struct.Struct("<QQ")
_ANNOUNCED = 8 * MIB


@dataclass(frozen=True, slots=True)
class _Shared:
    """The input being tried, in memory that outlives the process that tries it: a counter, a length, the bytes."""

    memory: mmap.mmap

    def announce(self, data: bytes) -> None:
        counter, _ = _HEAD.unpack_from(self.memory)
        cut = data[: _ANNOUNCED - _HEAD.size]
        self.memory[_HEAD.size : _HEAD.size + len(cut)] = cut
        _HEAD.pack_into(self.memory, 0, counter + 1, len(cut))

    @property
    def counter(self) -> int:
        return int(_HEAD.unpack_from(self.memory)[0])

    @property
    def data(self) -> bytes:
        return self.memory[_HEAD.size : _HEAD.size + _HEAD.unpack_from(self.memory)[1]]


def main(arguments: Sequence[str]) -> int:
    """Return the exit status: 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.partition("\n\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="only targets whose names begin so")
    parser.add_argument("--seconds", type=float, default=20.0, help="for each target (20)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at a time")
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's inputs")
    parser.add_argument("--input", type=Path, help="try this one input instead")
    parser.add_argument("--list", action="store_true", help="list the targets")
    given = parser.parse_args(arguments)
    chosen = [each for each in TARGETS if not given.targets or each.name.startswith(tuple(given.targets))]
    if not chosen:
        parser.error("there is no such target; --list lists them")
    if given.list:
        print(*(each.name for each in chosen), sep="\n")
        return 0
    if given.input is not None:
        return _repeat(chosen, given.input.read_bytes())
    seed = int.from_bytes(os.urandom(4), "big") if given.seed is None else given.seed
    print(f"{len(chosen)} targets, {given.seconds:g} s each, seed {seed}", flush=True)
    clean = [report(target, outcome) for target, outcome in fuzz(chosen, given.seconds, seed, given.jobs)]
    return 0 if all(clean) else 1


def _repeat(chosen: Sequence[Target], data: bytes) -> int:
    problems = [(target.name, engine.verdict(target, data)) for target in chosen]
    for name, problem in problems:
        print(f"{name}: {problem or 'nothing is wrong'}")
    return 1 if any(problem for _, problem in problems) else 0


class _Running:
    """A target in a process of its own."""

    def __init__(self, target: Target, seconds: float, seed: int) -> None:
        self._target = target
        self._shared = _Shared(mmap.mmap(-1, _ANNOUNCED))
        context = get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(target, seconds, seed, self._shared, sender))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on: pytest's workers have threads
            self._process.start()
        sender.close()
        self._seen, self._since = -1, time.monotonic()

    def result(self) -> Result | None:
        """Return what was found, also by how the process ended; None while it runs."""
        if self._receiver.poll() or not self._process.is_alive():
            return self._received()
        if self._shared.counter != self._seen:
            self._seen, self._since = self._shared.counter, time.monotonic()
        elif time.monotonic() - self._since > HANGING_SECONDS:
            self._process.kill()
            self._process.join()
            return self._ended(f"did not return within {HANGING_SECONDS:.0f} s")
        return None

    def _received(self) -> Result:
        try:
            outcome: engine.Outcome = self._receiver.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode or 0
            return self._ended(f"ended the process: {signal.Signals(-code).name if code < 0 else code}")
        self._process.join()
        return self._target, outcome

    def _ended(self, how: str) -> Result:
        finding = engine.Finding(self._target.name, how, self._shared.data)
        return self._target, engine.Outcome(inputs=self._shared.counter, findings=[finding])


def fuzz(targets: Sequence[Target], seconds: float, seed: int, jobs: int = 1) -> Iterator[Result]:
    """Yield what each target's process found, as they end."""
    waiting, running = deque(targets), list[_Running]()
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(_Running(waiting.popleft(), seconds, seed))
        for each in list(running):
            result = each.result()
            if result is not None:
                running.remove(each)
                yield result
        time.sleep(0.02)


def _work(target: Target, seconds: float, seed: int, shared: _Shared, sender: Connection) -> None:
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ADDRESS_SPACE, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    threading.stack_size(STACK)
    outcome: list[engine.Outcome] = []
    thread = threading.Thread(
        target=lambda: outcome.append(engine.run(target, seconds=seconds, seed=seed, announce=shared.announce))
    )
    thread.start()
    thread.join()
    if outcome:
        sender.send(outcome[0])


def report(target: Target, outcome: engine.Outcome) -> bool:
    """Print a target's outcome and keep the inputs that it found; return whether there are none."""
    line = (
        f"{target.name:40} {outcome.inputs:8} inputs {outcome.corpus:5} kept {outcome.lines:5} lines "
        f"{outcome.slowest * 1000:6.0f} ms at most"
    )
    lines = [line]
    for finding in outcome.findings:
        FOUND.mkdir(exist_ok=True)
        path = FOUND / f"{target.name}-{sha256(finding.data).hexdigest()[:12]}"
        path.write_bytes(finding.data)
        lines.append(f"  FOUND {finding.what}")
        lines.append(f"    {len(finding.data)} bytes: {finding.data[:120]!a}")
        lines.append(f"    repeat with: {sys.executable} -m tests.fuzz --input {path} {target.name}")
    print("\n".join(lines), flush=True)
    return not outcome.findings


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
