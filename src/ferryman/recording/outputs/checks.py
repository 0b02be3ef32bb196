"""Asks destinations whether they encrypt, for StartSession: few at a time, in bounded time, and not too often."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from ferryman.core.ports.recordings.outputs import TooManyChecks
from ferryman.core.ratelimits.turns import NoPlace, Turns

CHECKERS = 2
"""Threads that ask; the last free one is for people who have no check running."""
MOST_CHECKS, MOST_OF_ONE_PERSON = 32, 4
"""How many checks may wait or run, of everybody and of one person. Waiting for a check that somebody else began is
free."""
CHECK_SECONDS = 10.0
"""How long a call of StartSession waits for an answer; the check itself continues until its call ends."""
KEPT_SECONDS = 60.0
FAILED_SECONDS = 5.0
"""How long an answer is valid: that a destination encrypts, or that it does not or did not say."""
MOST_ANSWERS = 1000


@dataclass(slots=True)
class _Answer:
    """An answer about one destination, or the check that others wait for."""

    task: "asyncio.Task[None]"
    until: float = field(default=float("inf"))


class Checks:
    """The checks of a server; `close` it at the end."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(CHECKERS, "output-check")
        self._turns = Turns[str](CHECKERS, MOST_CHECKS, MOST_OF_ONE_PERSON)
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    async def ask(self, what: Hashable, person: str, question: Callable[[], None]) -> None:
        """Call `question`, which may block, about `what`, or use a recent answer, and raise what it raises; `person`
        asks.

        Raises `TooManyChecks` if too many others wait, and TimeoutError.
        """
        answer = self._answers.get(what)
        if answer is None or answer.until < time.monotonic():
            task = asyncio.create_task(self._ask(person, question), name=f"output check {what}")
            answer = self._answers[what] = _Answer(task)
            task.add_done_callback(lambda done: self._answered(what, done))
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await asyncio.shield(answer.task)
        except NoPlace as error:
            raise TooManyChecks from error

    def close(self) -> None:
        """Stop; calls under way end by themselves."""
        for answer in self._answers.values():
            answer.task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, person: str, question: Callable[[], None]) -> None:
        async with self._turns.turn(person):
            await asyncio.get_running_loop().run_in_executor(self._threads, question)

    def _answered(self, what: Hashable, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or isinstance(error, NoPlace):
            self._answers.pop(what, None)
            return
        answer = self._answers.get(what)
        if answer is not None and answer.task is task:
            answer.until = time.monotonic() + (KEPT_SECONDS if error is None else FAILED_SECONDS)
            self._answers.move_to_end(what)
        if len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
