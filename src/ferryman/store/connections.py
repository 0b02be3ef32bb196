"""Connections to the database: several for reading, a few for listings, one for writing.

Each statement is a separate transaction unless a method says otherwise.

A statement is one trip to a thread and back, on the standard library's driver: an asynchronous driver under SQLAlchemy
makes four or five such trips per statement (`docs/decisions`). SQLite allows one writer at a time; with one writing
thread the others wait here, in order, and not in SQLite's busy loop. `synchronous=FULL` makes a write durable when it
returns, even across a power failure.

Building a statement costs several times as much as running it, and happens on the event loop. So a statement that API
calls run is built once, when its module is imported, with `bindparam` for what changes.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Executable, create_engine, event, select
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from ferryman.model.errors import StoreUnavailable
from ferryman.store import listing_readers
from ferryman.store.faults import CORRUPTED, FULL, GONE, is_full, state_of
from ferryman.store.listing_readers import ListingReaders
from ferryman.store.tables import metadata

READERS = 4
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 10000",  # another process may write: `ferryman user`, a migration
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
)
_A_ROW_OF_EACH_TABLE = [select(table).limit(1) for table in metadata.sorted_tables]

Result = TypeVar("Result")
Record = Sequence[Any]
"""A row's columns, in the order in which the statement names them."""
Reader = Callable[[Executable, Mapping[str, object]], Sequence[Record]]
"""Runs a SELECT with values for its parameters."""


class Connections:
    """The three pools. A caller that is cancelled does not undo a statement that has begun.

    `listing_seconds` is how long a listing may take. Every method raises `StoreUnavailable` when it is the database
    that fails, not the statement.
    """

    def __init__(self, url: URL, listing_seconds: float = listing_readers.SECONDS) -> None:
        self._path = Path(str(url.database))
        self._identity = _identity(self._path)
        self._corruption = ""
        self._writer = _engine(url, size=1, pragmas=_PRAGMAS)
        self._readers = _engine(url, size=READERS, pragmas=(*_PRAGMAS, "PRAGMA query_only = ON"))
        listings = _engine(url, size=listing_readers.READERS, pragmas=(*_PRAGMAS, "PRAGMA query_only = ON"))
        self._listings = ListingReaders(listings, listing_seconds)
        self._writer_thread = ThreadPoolExecutor(1, "store-writer")
        self._reader_threads = ThreadPoolExecutor(READERS, "store-reader")

    async def read(self, statement: Executable, values: Mapping[str, object] | None = None) -> Sequence[Record]:
        """Run a SELECT with these values for its parameters; returns all its rows."""

        def run() -> Sequence[Record]:
            with self._readers.connect() as connection:
                return connection.execute(statement, values).all()

        return await self._in_thread(self._reader_threads, run)

    async def read_together(self, run: Callable[[Reader], Result]) -> Result:
        """Run several SELECTs in one trip to a thread; `run` calls its reader for each, and sees nothing else."""

        def run_all() -> Result:
            with self._readers.connect() as connection:
                return run(lambda statement, values: connection.execute(statement, values).all())

        return await self._in_thread(self._reader_threads, run_all)

    async def list_rows(self, statement: Executable, values: Mapping[str, object] | None = None) -> Sequence[Record]:
        """Run a listing's SELECT as `read` does, apart from short reads; raises `core.listings.ListingTooSlow`."""
        return await self._list(lambda connection: connection.execute(statement, values).all())

    async def list_together(self, run: Callable[[Reader], Result]) -> Result:
        """Run a listing's SELECTs as `read_together` does, apart from short reads; raises `ListingTooSlow`."""
        return await self._list(
            lambda connection: run(lambda statement, values: connection.execute(statement, values).all())
        )

    async def write(self, statement: Executable, values: Mapping[str, object] | None = None) -> int:
        """Run a statement that changes rows; returns how many. Durable when it returns."""

        def run() -> int:
            with self._writer.connect() as connection:
                return connection.execute(statement, values).rowcount

        return await self._in_thread(self._writer_thread, run)

    async def write_returning(self, statement: Executable) -> Sequence[Record]:
        """Run a statement with RETURNING; returns the changed rows. Durable when it returns."""

        def run() -> Sequence[Record]:
            with self._writer.connect() as connection:
                return connection.execute(statement).all()

        return await self._in_thread(self._writer_thread, run)

    async def write_all(self, *statements: Executable) -> Sequence[int]:
        """Run statements that change rows as one durable transaction; return how many rows each changed."""

        def run(connection: Connection) -> Sequence[int]:
            return [connection.execute(statement).rowcount for statement in statements]

        return await self._transaction(run)

    async def write_each(self, statement: Executable, rows: Sequence[Mapping[str, object]]) -> Sequence[int]:
        """Run a statement once for each of these values, as one transaction; returns how many rows each run changed."""

        def run(connection: Connection) -> Sequence[int]:
            return [connection.execute(statement, values).rowcount for values in rows]

        return await self._transaction(run)

    async def write_checked(
        self, question: Executable, check: Callable[[Sequence[Record]], None], statement: Executable
    ) -> int:
        """Run a SELECT and, unless `check` raises on its rows, a statement that changes rows, as one transaction.

        Nobody else writes in between. Returns how many rows changed; durable when it returns.
        """

        def run(connection: Connection) -> int:
            check(connection.execute(question).all())
            return connection.execute(statement).rowcount

        return await self._transaction(run)

    async def _transaction(self, run: Callable[[Connection], Result]) -> Result:
        def transact() -> Result:
            with self._writer.connect() as connection:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                try:
                    result = run(connection)
                    connection.exec_driver_sql("COMMIT")
                except BaseException:
                    if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr] # it is open
                        connection.exec_driver_sql("ROLLBACK")  # SQLite itself has, if the disk is full
                    raise
                return result

        return await self._in_thread(self._writer_thread, transact)

    async def check(self) -> None:
        """Read a row of every table, and write a page. Raises `StoreUnavailable`, also after any earlier statement
        found the file corrupted, and for a file that was deleted or replaced."""
        if self._corruption:
            raise StoreUnavailable(CORRUPTED, self._corruption)
        if _identity(self._path) != self._identity:
            raise StoreUnavailable(GONE, f"{self._path} was deleted or replaced")
        if is_full(self._path):
            raise StoreUnavailable(FULL, "no space is left on its disk")

        def read() -> None:
            with self._readers.connect() as connection:
                for statement in _A_ROW_OF_EACH_TABLE:
                    connection.execute(statement).all()

        def write() -> None:
            with self._writer.connect() as connection:
                (version,) = connection.exec_driver_sql("PRAGMA user_version").one()
                connection.exec_driver_sql(f"PRAGMA user_version = {version}")  # writes the page in any case

        await self._in_thread(self._reader_threads, read)
        await self._in_thread(self._writer_thread, write)

    async def close(self) -> None:
        """Let what has begun finish, then close every connection; idempotent."""
        await asyncio.to_thread(self._close)

    async def _in_thread(self, threads: ThreadPoolExecutor, run: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run)
        except DBAPIError as error:
            cause = self._cause(error)
            if cause is error:
                raise
            raise cause from error

    async def _list(self, run: Callable[[Connection], Result]) -> Result:
        try:
            return await self._listings.run(run)
        except DBAPIError as error:
            cause = self._cause(error)
            if cause is error:
                raise
            raise cause from error

    def _cause(self, error: DBAPIError) -> Exception:
        """Return what to raise for an error: the store's fault as `StoreUnavailable`, the statement's as it is."""
        state = state_of(error, self._path)
        if state is None:
            return error
        if state == CORRUPTED:
            self._corruption = str(error.orig)
        return StoreUnavailable(state, str(error.orig))

    def _close(self) -> None:
        self._listings.close()
        self._reader_threads.shutdown()
        self._writer_thread.shutdown()
        self._readers.dispose()
        self._writer.dispose()


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _engine(url: URL, *, size: int, pragmas: Sequence[str]) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=size,
        max_overflow=0,
        pool_reset_on_return=None,  # nothing to roll back: every statement is its own transaction
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    return engine
