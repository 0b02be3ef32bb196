"""How a session ends: the first cause counts."""

import asyncio
from dataclasses import dataclass

NORMAL = 0
FAILED = 1
"""The session could not be opened, or was lost."""
WRONG_ARGUMENTS = 2
SIGNAL_BASE = 128


@dataclass(frozen=True, slots=True)
class Ending:
    """What is left to do: say `last_words` on standard output and `complaint` on standard error, exit with `status`.

    `terminate`: the far end does not know yet, and must be told by TerminateSession.
    """

    status: int
    last_words: str = ""
    complaint: str = ""
    terminate: bool = False


class Endings:
    """Takes causes from all sides; everything after the first is ignored."""

    def __init__(self) -> None:
        self._first: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def announced(self) -> bool:
        """Whether the session is ending."""
        return self._first.done()

    def announce(self, ending: Ending) -> None:
        """End the session so, unless it is ending already."""
        if not self._first.done():
            self._first.set_result(ending)

    def fail(self, fault: BaseException) -> None:
        """End the session by a fault of ours, unless it is ending already."""
        if not self._first.done():
            self._first.set_exception(fault)

    async def first(self) -> Ending:
        """Wait for the first cause; raises if it is a fault of ours."""
        return await asyncio.shield(self._first)
