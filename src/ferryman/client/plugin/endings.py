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
    """How to end: print `last_words` to standard output and `complaint` to standard error, then exit with `status`.

    `terminate`: the session still has to be ended, by the flag or the call TerminateSession.
    """

    status: int
    last_words: str = ""
    complaint: str = ""
    terminate: bool = False


class Endings:
    """Collects causes from all sides; only the first counts."""

    def __init__(self) -> None:
        self._first: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def announced(self) -> bool:
        """Whether the session is ending."""
        return self._first.done()

    def announce(self, ending: Ending) -> None:
        """End the session with `ending`, unless it is already ending."""
        if not self._first.done():
            self._first.set_result(ending)

    def fail(self, fault: BaseException) -> None:
        """End the session with an exception of our own, unless it is already ending."""
        if not self._first.done():
            self._first.set_exception(fault)

    async def first(self) -> Ending:
        """Wait for the first cause; raises the exception that `fail` got."""
        return await asyncio.shield(self._first)
