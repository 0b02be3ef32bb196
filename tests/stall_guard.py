"""Measures how long one callback blocks the event loop, in CPU time of its thread, so that a busy machine does not
count.

Every callback that the loop runs is measured. One that takes more than LIMIT_SECONDS, scaled to how fast this machine
is, is a stall; it is reported with the callback or coroutine and the place where the thread was seen. Work of the tests
themselves is not counted, and neither is Python's garbage collector, which works for the whole test run.
"""

import asyncio
import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

LIMIT_SECONDS = 0.1
REFERENCE_SECONDS = 0.0075
"""The time of `reference` on the machine that LIMIT_SECONDS is for (2.1 GHz, idle)."""
SAMPLE_SECONDS = 0.02
INNERMOST = 3
STACK = 8
"""How many frames are shown: the innermost, then those of Ferryman and of the tests."""

_TESTS = Path(__file__).parent
_OURS = _TESTS.parent / "src" / "ferryman"


_Sample = tuple[tuple[str, ...], bool]
"""The frames of a thread at one moment, and whether any is Ferryman's."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A callback that blocked the loop for `seconds` of CPU time. `where` is where it was seen most, innermost
    first."""

    seconds: float
    callback: str
    where: tuple[str, ...]

    def __str__(self) -> str:
        seen = "; seen at " + " < ".join(self.where) if self.where else ""
        return f"{self.seconds * 1000:.0f} ms in {self.callback}{seen}"


def reference() -> float:
    """Return the CPU time of a fixed computation, the best of three."""
    found = []
    for _ in range(3):
        began = time.thread_time()
        sum(n * n for n in range(100_000))
        found.append(time.thread_time() - began)
    return min(found)


def scale() -> float:
    """Return how many times slower than the reference machine this one is right now, at least 1."""
    return max(1.0, reference() / REFERENCE_SECONDS)


class StallGuard:
    """Measures while `measuring`; `stalls` are the pauses that are too long, `longest` is the longest of the others."""

    def __init__(self) -> None:
        self.scale = scale()
        self.stalls: list[Pause] = []
        self.longest: Pause | None = None
        self._running: tuple[int, float, list[_Sample]] | None = None
        self._collected = 0.0
        self._collecting = 0.0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure every callback of every loop of this thread."""
        handles: Any = asyncio.Handle
        original, thread, done = handles._run, threading.get_ident(), threading.Event()

        def run(handle: "asyncio.Handle") -> None:
            if threading.get_ident() != thread or self._running is not None:
                original(handle)
                return
            began, collected = time.thread_time(), self._collected
            samples: list[_Sample] = []
            self._running = (thread, time.monotonic(), samples)
            try:
                original(handle)
            finally:
                self._running = None
                seconds = time.thread_time() - began - (self._collected - collected)
                if seconds > LIMIT_SECONDS / 10:
                    self._ended(handle, seconds, samples)

        sampler = threading.Thread(target=self._sample, args=(done,), name="stall-guard", daemon=True)
        sampler.start()
        gc.callbacks.append(self._collector)
        handles._run = run
        try:
            yield
        finally:
            handles._run = original
            gc.callbacks.remove(self._collector)
            done.set()
            sampler.join()

    def report(self) -> str:
        """Return a report of the stalls so far, "" if there are none, and forget them."""
        stalls, self.stalls = self.stalls, []
        limit = LIMIT_SECONDS * self.scale * 1000
        told = f"One callback held the event loop for more than {limit:.0f} ms of CPU time:"
        return "\n".join([told, *map(str, stalls)]) if stalls else ""

    def _ended(self, handle: "asyncio.Handle", seconds: float, samples: "list[_Sample]") -> None:
        callback, code = described(handle)
        if code is not None and _is_tests(code):  # only the time in Ferryman's own code counts
            samples, every = [each for each in samples if each[1]], len(samples)
            seconds *= len(samples) / max(1, every)
        if not seconds:
            return
        where = Counter(stack for stack, _ in samples).most_common(1)
        pause = Pause(seconds, callback, where[0][0] if where else ())
        limit = LIMIT_SECONDS * self.scale
        if seconds > limit and seconds > LIMIT_SECONDS * scale():  # the machine may have become slower since
            self.stalls.append(pause)
        elif self.longest is None or seconds > self.longest.seconds:
            self.longest = pause

    def _collector(self, phase: str, _: dict[str, int]) -> None:
        running = self._running
        if running is None or running[0] != threading.get_ident():
            return
        if phase == "start":
            self._collecting = time.thread_time()
        else:
            self._collected += time.thread_time() - self._collecting

    def _sample(self, done: threading.Event) -> None:
        while not done.wait(SAMPLE_SECONDS):
            running = self._running
            if running is not None and time.monotonic() - running[1] >= SAMPLE_SECONDS:
                self._look(running)

    def _look(self, running: tuple[int, float, list[_Sample]]) -> None:
        """Add a sample. The frame is not kept, because it would keep alive objects that its callback has finished
        with."""
        frame = sys._current_frames().get(running[0])
        if frame is not None and self._running is running:
            running[2].append(_stack(frame))


def described(handle: "asyncio.Handle") -> tuple[str, CodeType | None]:
    """Return a callback's name with its file and line, and its code; of a task's step those of its coroutine."""
    callback: Any = getattr(handle, "_callback")  # noqa: B009 typeshed does not know it
    task = getattr(callback, "__self__", None)
    if isinstance(task, asyncio.Task):
        coroutine: Any = task.get_coro()
        code = getattr(coroutine, "cr_code", None) or getattr(coroutine, "gi_code", None)
        name = getattr(coroutine, "__qualname__", repr(coroutine))
        return f"task {name} ({_place(code)})" + _awaited(coroutine), code
    while hasattr(callback, "func"):
        callback = callback.func
    code = getattr(callback, "__code__", None)
    return f"callback {getattr(callback, '__qualname__', repr(callback))} ({_place(code)})", code


def _awaited(coroutine: Any) -> str:
    """Return the place in Ferryman where a coroutine waits now, which is close to where it was blocked."""
    found = []
    while (coroutine := getattr(coroutine, "cr_await", None)) is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and _is_ours(frame.f_code):
            found.append(_line(frame))
    return f", which then waits at {found[-1]}" if found else ""


def _place(code: CodeType | None) -> str:
    return "builtin" if code is None else f"{_short(code.co_filename)}:{code.co_firstlineno}"


def _stack(frame: FrameType) -> tuple[tuple[str, ...], bool]:
    """Return the innermost frames, and whether any frame is Ferryman's."""
    lines: list[str] = []
    ours = False
    at: FrameType | None = frame
    while at is not None and at.f_code.co_name != "_run_once":
        named = len(lines) < INNERMOST or (len(lines) < STACK and _is_known(at.f_code))
        if named and at.f_code.co_filename != __file__:
            lines.append(_line(at))
        ours = ours or _is_ours(at.f_code)
        at = at.f_back
    return tuple(lines), ours


def _is_ours(code: CodeType) -> bool:
    return code.co_filename.startswith(str(_OURS))


def _is_tests(code: CodeType) -> bool:
    """Whether a task is a test's, or a fixture's as pytest-asyncio runs it."""
    return code.co_filename.startswith(str(_TESTS)) or "/pytest_asyncio/" in code.co_filename


def _is_known(code: CodeType) -> bool:
    return _is_ours(code) or code.co_filename.startswith(str(_TESTS))


def _line(frame: FrameType) -> str:
    return f"{frame.f_code.co_qualname} ({_short(frame.f_code.co_filename)}:{frame.f_lineno})"


def _short(filename: str) -> str:
    return filename.rpartition("/site-packages/")[2].removeprefix(f"{_TESTS.parent}/")
