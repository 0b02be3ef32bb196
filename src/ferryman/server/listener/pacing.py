"""What many peers do at the same moment is spread over several turns of the event loop.

Otherwise one turn deals with all of it, and delays everybody's keystrokes.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable

STEPS = 8
"""Steps in one turn of the event loop. Each takes less than a millisecond."""


class Paced:
    """Takes steps of one kind, at most STEPS in one turn of the event loop. Those who want them take turns."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: OrderedDict[Hashable, deque[Callable[[], None]]] = OrderedDict()

    def soon(self, step: Callable[[], None], holder: Hashable = None) -> None:
        """Take a step for `holder` in a later turn."""
        if not self._due:
            self._loop.call_soon(self._take_steps)
        self._due.setdefault(holder, deque()).append(step)

    async def turn(self) -> None:
        """Wait until the caller's next step may be taken."""
        come = asyncio.Event()
        self.soon(come.set)
        await come.wait()

    def hurry(self) -> None:
        """Take all steps that wait now."""
        while self._due:
            self._take_step()

    def _take_steps(self) -> None:
        try:
            for _ in range(STEPS):
                if not self._due:
                    return
                self._take_step()
        finally:  # whatever a step raises
            if self._due:
                self._loop.call_soon(self._take_steps)

    def _take_step(self) -> None:
        holder, steps = next(iter(self._due.items()))
        step = steps.popleft()
        if steps:
            self._due.move_to_end(holder)
        else:
            del self._due[holder]
        step()


class Bursts:
    """What peers can do together: begin requests, and wait for refusals that are due at the same moment."""

    __slots__ = ("refusals", "requests")

    def __init__(self) -> None:
        self.requests = Paced()
        self.refusals = Paced()
