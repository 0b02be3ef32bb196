"""Runs a target on many inputs and keeps what reaches new lines; finds undocumented errors, slow calls and memory.

Repeatable: the same seed and number of inputs try the same inputs. Times are the thread's CPU time, so a busy machine
finds nothing that an idle one does not; `slowness` allows for a slower processor.
"""

import resource
import sys
import time
import traceback
import tracemalloc
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from types import CodeType, FrameType
from typing import TYPE_CHECKING

from ferryman.awsapi.calls import ApiProtocol
from ferryman.awsapi.errors import serialise_error, serialise_own_error
from ferryman.model.errors import ServiceError
from tests.fuzz.mutation import mutate
from tests.fuzz.target import Target

MEMORY = 64 * 1024 * 1024
"""Bytes that one call may need at its peak."""
_SUSPICIOUS = 4 * 1024
"""KiB by which the process must grow for a call's memory to be measured: measuring is slow."""
_CORPUS_BYTES = 16 * 1024 * 1024
_SHRINKING_SECONDS = 3.0
_REFERENCE_SECONDS = 0.02
"""What `slowness` takes on the machine that the limit is for."""

if TYPE_CHECKING:
    from _typeshed import TraceFunction


@dataclass(frozen=True, slots=True)
class Finding:
    """An input that breaks a rule; of several that break it in one place, the smallest."""

    target: str
    what: str
    data: bytes


@dataclass(slots=True)
class Outcome:
    """What a run found; `lines` is how many lines of Ferryman it has reached."""

    inputs: int = 0
    corpus: int = 0
    lines: int = 0
    slowest: float = 0.0
    findings: list[Finding] = field(default_factory=list)


class Coverage:
    """Which lines of Ferryman ran. Code all of whose lines have run is no longer traced."""

    def __init__(self) -> None:
        self._unseen: dict[CodeType, set[int]] = {}
        self._foreign: set[CodeType] = set()
        self.lines = 0

    @property
    def functions(self) -> set[CodeType]:
        """The code that has run."""
        return set(self._unseen)

    def trace(self, frame: FrameType, event: str, argument: object) -> "TraceFunction | None":
        """Note a call, for `sys.settrace`."""
        code = frame.f_code
        unseen = self._unseen.get(code)
        if unseen is None:
            if code in self._foreign:
                return None
            if "/ferryman/" not in code.co_filename:
                self._foreign.add(code)
                return None
            unseen = self._unseen[code] = {line for _, _, line in code.co_lines() if line is not None}
        if not unseen:
            return None

        def note(frame: FrameType, event: str, argument: object) -> "TraceFunction":
            if frame.f_lineno in unseen:
                unseen.discard(frame.f_lineno)
                self.lines += 1
            return note

        return note(frame, event, argument)


def slowness() -> float:
    """Return how many times slower this processor is than the one that the limit was set on, at least 1."""
    began = time.thread_time()
    total = 0
    for number in range(200_000):
        total += number % 7
    return max(1.0, (time.thread_time() - began) / _REFERENCE_SECONDS)


def run(
    target: Target,
    *,
    inputs: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    announce: Callable[[bytes], None] = lambda _: None,
) -> Outcome:
    """Try `inputs` inputs, or as many as `seconds` allow; `announce` gets each before it is tried."""
    random = Random(seed)  # noqa: S311 - repeatable
    fuzzer = _Fuzzer(target, target.seconds * slowness(), announce)
    for data in target.seeds:  # what is made once, such as compiled patterns, counts for no input
        announce(data)
        fuzzer.warm_up(data)
    ends = None if seconds is None else time.monotonic() + seconds
    for data in target.seeds:
        fuzzer.attempt(data, keep=True)
    while (inputs is None or fuzzer.outcome.inputs < inputs) and (ends is None or time.monotonic() < ends):
        fuzzer.attempt(mutate(random, fuzzer.corpus, target.words, target.limit))
    return fuzzer.finish()


def verdict(target: Target, data: bytes) -> str | None:
    """Return what is wrong with one input, None if nothing is."""
    outcome = _Fuzzer(target, target.seconds * slowness(), lambda _: None).attempt(data)
    return None if outcome is None else outcome[1]


class _Fuzzer:
    def __init__(self, target: Target, limit: float, announce: Callable[[bytes], None]) -> None:
        self.outcome = Outcome()
        self.corpus: list[bytes] = []
        self._target = target
        self._limit = limit
        self._announce = announce
        self._coverage = Coverage()
        self._found: dict[str, Finding] = {}
        self._kept = 0

    def warm_up(self, data: bytes) -> None:
        """Try an input for what it leaves in caches."""
        self._call(data, None)

    def attempt(self, data: bytes, *, keep: bool = False) -> tuple[str, str] | None:
        """Try an input; return where and how it breaks a rule, if it does."""
        self._announce(data)
        self.outcome.inputs += 1
        before, peak = self._coverage.lines, _peak()
        problem, spent = self._call(data, self._coverage.trace)
        if problem is None and spent > self._limit:
            spent = min(self._call(data, None)[1] for _ in range(2))  # tracing costs time
            if spent > self._limit:
                problem = ("slow", f"took {spent * 1000:.0f} ms of CPU time, {self._limit * 1000:.0f} ms are allowed")
        self.outcome.slowest = max(self.outcome.slowest, spent)
        grown = _peak() - peak
        if problem is None and grown > _SUSPICIOUS:
            problem = self._memory(data, grown)
        if (keep or self._coverage.lines > before) and self._kept + len(data) <= _CORPUS_BYTES:
            self.corpus.append(data)
            self._kept += len(data)
        if problem is not None:
            self._note(problem, data)
        return problem

    def finish(self) -> Outcome:
        """Shrink what was found."""
        for where, finding in self._found.items():
            self.outcome.findings.append(Finding(finding.target, finding.what, self._shrunk(where, finding.data)))
        self.outcome.corpus, self.outcome.lines = len(self.corpus), self._coverage.lines
        return self.outcome

    def _call(self, data: bytes, trace: "TraceFunction | None") -> tuple[tuple[str, str] | None, float]:
        earlier = sys.gettrace()
        began = time.thread_time()
        try:
            sys.settrace(trace)
            self._target.run(data)
        except self._target.errors as error:
            sys.settrace(earlier)
            spent = time.thread_time() - began
            return _unanswerable(error), spent
        except Exception as error:  # noqa: BLE001 - what a parser must not raise is what is looked for
            sys.settrace(earlier)
            return (_place(error), _described(error)), time.thread_time() - began
        finally:
            sys.settrace(earlier)
        return None, time.thread_time() - began

    def _memory(self, data: bytes, grown: int) -> tuple[str, str] | None:
        """Measure what a call needs: by the allocator what Python holds, by the process's growth what all hold."""
        tracemalloc.start()
        try:
            self._call(data, None)
            needed = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        needed = max(needed, grown * 1024)
        if needed <= MEMORY:
            return None
        return "memory", f"needed {needed // (1024 * 1024)} MiB, {MEMORY // (1024 * 1024)} MiB are allowed"

    def _note(self, problem: tuple[str, str], data: bytes) -> None:
        where, what = problem
        known = self._found.get(where)
        if known is None or len(data) < len(known.data):
            self._found[where] = Finding(self._target.name, what, data)

    def _shrunk(self, where: str, data: bytes) -> bytes:
        """Return the smallest input found in a few seconds that breaks the same rule in the same place."""
        if where in ("slow", "memory"):
            return data
        ends = time.monotonic() + _SHRINKING_SECONDS
        size = len(data) // 2
        while size and time.monotonic() < ends:
            for start in range(0, len(data), size):
                shorter = data[:start] + data[start + size :]
                problem = self._call(shorter, None)[0]
                if problem is not None and problem[0] == where:
                    data = shorter
                    break
                if time.monotonic() >= ends:
                    break
            else:
                size //= 2
        return data


def _unanswerable(error: Exception) -> tuple[str, str] | None:
    """What refuses a call must be sendable, whatever of the call its text quotes."""
    if not isinstance(error, ServiceError):
        return None
    try:
        for protocol in ApiProtocol:
            serialise_error(protocol, "", error, "r")
        serialise_own_error("", error, "r")
    except Exception as fault:  # noqa: BLE001 - as for parsers
        return f"unanswerable {_place(fault)}", _described(fault)
    return None


def _place(error: BaseException) -> str:
    """Return what tells one fault from another: the kind of error, and the last line of Ferryman that it left."""
    frames = traceback.extract_tb(error.__traceback__)
    ours: Iterable[traceback.FrameSummary] = [frame for frame in frames if "/ferryman/" in frame.filename] or frames
    last = list(ours)[-1]
    return f"{type(error).__name__} in {last.filename.rpartition('/ferryman/')[2]}:{last.lineno}"


def _described(error: BaseException) -> str:
    text = ascii(str(error))
    return f"{_place(error)}: {text if len(text) <= 200 else text[:200] + '…'}"


def _peak() -> int:
    """Return the most memory that the process has had, in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
