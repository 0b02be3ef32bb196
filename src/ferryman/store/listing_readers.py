"""Separate connections for listings, which may be slow and which any caller may ask for.

Authentication, and every other short read, uses other connections and never waits for these. People share the readers
fairly (`ratelimits.turns`). A listing has a time limit, which includes waiting: SQLite asks every few thousand steps
whether to continue. A listing also stops this way when its caller has left or the store closes.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from ferryman.core.listings import ListingTooSlow, listing_person
from ferryman.core.ratelimits.turns import NoPlace, Turns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

READERS = 3
"""One person's listings use two of these at most."""
SECONDS = 3.0
"""How long a listing may take, waiting for a reader included."""
MOST, MOST_PER_PERSON = 256, 16
"""Listings that wait or run, of everybody and of one person; further ones are refused."""
_STEPS = 10_000
"""SQLite's virtual instructions between two looks at the clock: about a tenth of a millisecond."""

Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class _Watch:
    """Tells whether one listing must stop. `left` is set once nobody waits for its answer."""

    deadline: float
    left: bool = False

    def is_over(self) -> bool:
        return self.left or time.monotonic() >= self.deadline


class ListingReaders:
    """A few threads with a connection each. `engine` has a pool of `READERS` SQLite connections."""

    def __init__(self, engine: Engine, seconds: float = SECONDS) -> None:
        self._engine = engine
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(READERS, "store-listing")
        self._turns = Turns[str](READERS, MOST, MOST_PER_PERSON)
        self._pending: set[_Watch] = set()

    async def run(self, read: Callable[["Connection"], Result]) -> Result:
        """Call `read` with a connection, in a thread; raises `ListingTooSlow` if that takes too long.

        Counts for the person of `core.listings.listing_for`.
        """
        person = listing_person()
        watch = _Watch(time.monotonic() + self._seconds)
        self._pending.add(watch)
        try:
            await self._turn(person)
            return await self._start(person, read, watch)
        finally:
            watch.left = True
            self._pending.discard(watch)

    async def _turn(self, person: str) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._turns.acquire(person)
        except TimeoutError as error:
            raise self._too_slow() from error
        except NoPlace as error:
            others = f"{error.own} others of yours" if error.own else "too many others"
            raise ListingTooSlow(f"{others} are waiting or running") from error

    def _start(self, person: str, read: Callable[["Connection"], Result], watch: _Watch) -> "asyncio.Future[Result]":
        """Run a listing in a thread. The reader stays in use until the thread has finished, even if nobody waits."""
        try:
            if watch.is_over():
                raise self._too_slow()
            running = asyncio.get_running_loop().run_in_executor(self._threads, self._run, read, watch)
        except BaseException:
            self._turns.release(person)
            raise

        def finished(ended: "asyncio.Future[Result]") -> None:
            ended.exception()  # whoever waited has it; if nobody did, it is of no interest
            self._turns.release(person)

        running.add_done_callback(finished)
        return asyncio.shield(running)

    def _run(self, read: Callable[["Connection"], Result], watch: _Watch) -> Result:
        if watch.is_over():
            raise self._too_slow()
        with self._engine.connect() as connection, _watched(connection, watch):
            try:
                return read(connection)
            except OperationalError as error:
                if watch.is_over():
                    raise self._too_slow() from error
                raise

    def _too_slow(self) -> ListingTooSlow:
        return ListingTooSlow(f"it was not finished within {self._seconds:g} seconds")

    def close(self) -> None:
        """Stop every listing, then close the connections; idempotent."""
        for watch in list(self._pending):
            watch.left = True
        self._threads.shutdown()
        self._engine.dispose()


@contextmanager
def _watched(connection: "Connection", watch: _Watch) -> "Iterator[None]":
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        raise TypeError(f"a listing needs a SQLite connection, not {driver!r}")
    driver.set_progress_handler(watch.is_over, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
