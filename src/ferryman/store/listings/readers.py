"""Separate connections for listings, which may be slow and which any caller may ask for.

Authentication, and every other short read, uses other connections and never waits for these. People share the readers
fairly (`ratelimits.turns`). A listing has a time limit, which includes waiting. The database's connections decide how
to stop a running listing; SQLite's also stop when the caller has left or the store closes.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from ferryman.core.listings import ListingTooSlow, listing_person
from ferryman.core.ratelimits.turns import NoPlace, Turns

if TYPE_CHECKING:
    from sqlalchemy import Connection

READERS = 3
"""One person's listings use two of these at most."""
TIMEOUT_SECONDS = 3.0
"""How long a listing may take, waiting for a reader included."""
MOST, MOST_PER_PERSON = 256, 16
"""Listings that wait or run, of everybody and of one person; further ones are refused."""
Result = TypeVar("Result")


@dataclass(slots=True, eq=False)
class Watch:
    """Tells whether one listing must stop. `left` is set once nobody waits for its answer."""

    deadline: float
    left: bool = False

    def is_over(self) -> bool:
        """Return whether to stop now; called from the listing's thread."""
        return self.left or time.monotonic() >= self.deadline


Watched = Callable[["Connection", Watch], AbstractContextManager[None]]
"""Within the context, stops a connection's statement with an OperationalError once the watch is over."""


class ListingReaders:
    """A few threads with a connection each. `engine` has a pool of `READERS` connections."""

    def __init__(self, engine: Engine, seconds: float, watched: Watched) -> None:
        self._engine = engine
        self._seconds = seconds
        self._watched = watched
        self._threads = ThreadPoolExecutor(READERS, "store-listing")
        self._turns = Turns[str](READERS, MOST, MOST_PER_PERSON)
        self._pending: set[Watch] = set()

    async def run(self, read: Callable[["Connection"], Result]) -> Result:
        """Call `read` with a connection, in a thread; raises `ListingTooSlow` if that takes too long.

        Counts for the person of `core.listings.listing_for`.
        """
        person = listing_person()
        watch = Watch(time.monotonic() + self._seconds)
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

    def _start(self, person: str, read: Callable[["Connection"], Result], watch: Watch) -> "asyncio.Future[Result]":
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

    def _run(self, read: Callable[["Connection"], Result], watch: Watch) -> Result:
        if watch.is_over():
            raise self._too_slow()
        with self._engine.connect() as connection, self._watched(connection, watch):
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
