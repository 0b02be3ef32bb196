"""Connections to the database: several for reading, some for listings, some for writing.

Each statement is a separate transaction unless a method says otherwise. Whatever a write reads, nobody else changes
before it is done: a database that allows several writers runs each as SERIALIZABLE, and again if it met another.

A statement is one trip to a thread and back, on a synchronous driver: an asynchronous one under SQLAlchemy makes four
or five such trips per statement (`docs/decisions`).

Building a statement costs several times as much as running it, and happens on the event loop. So a statement that API
calls run is built once, when its module is imported, with `bindparam` for what changes.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from sqlalchemy import Connection, Engine, Executable, Table, select
from sqlalchemy.exc import DBAPIError

from ferryman.core.ports.tracing import NO_TRACING, SpanKind, Tracing
from ferryman.model.errors import StoreUnavailable
from ferryman.model.values.timing import Timing
from ferryman.store.faults import GONE
from ferryman.store.listings.readers import ListingReaders
from ferryman.store.tables import metadata

if TYPE_CHECKING:
    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

READERS = 4
READ, LIST, WRITE = "read", "list", "write"
A_ROW_OF_EACH_TABLE = [select(table).limit(1) for table in metadata.sorted_tables]

Result = TypeVar("Result")
Record = Sequence[Any]
"""A row's columns, in the order in which the statement names them."""
Reader = Callable[[Executable, Mapping[str, object]], Sequence[Record]]
"""Runs a SELECT with values for its parameters."""


@dataclass(frozen=True, slots=True)
class Pools:
    """The engines, each with as many connections as its threads use at once; `writers` is the writer's number."""

    writer: Engine
    readers: Engine
    listings: ListingReaders
    writers: int = 1


class Connections(ABC):
    """The three pools. A caller that is cancelled does not undo a statement that has begun.

    Every method raises `StoreUnavailable` when it is the database that fails, not the statement.
    """

    begin: ClassVar[str]
    """The statement that begins a transaction that writes."""
    system: ClassVar[str]
    """The database, as OpenTelemetry names it."""
    merges_walks: ClassVar[bool]
    """Whether the database merges the ordered parts of a UNION ALL (`store.listings.walks`)."""
    patience: ClassVar[float | None] = None
    """Seconds after which a database that does not answer counts as gone; None for one that cannot fall silent."""

    def __init__(self, pools: Pools, tracing: Tracing = NO_TRACING) -> None:
        self._tracing = tracing
        self._writer = pools.writer
        self._readers = pools.readers
        self._listings = pools.listings
        self._writer_threads = ThreadPoolExecutor(pools.writers, "store-writer")
        self._reader_threads = ThreadPoolExecutor(READERS, "store-reader")
        self._timings = {READ: Timing(), LIST: Timing(), WRITE: Timing()}
        self._attributes = {"db.system.name": self.system}

    @property
    def timings(self) -> Mapping[str, Timing]:
        """How long callers waited, for a thread and for the database: by `read`, `list` and `write`."""
        return self._timings

    @abstractmethod
    async def check(self) -> None:
        """Read a row of every table, and find out whether rows can be written. Raises `StoreUnavailable`."""

    @abstractmethod
    def insert(self, table: Table) -> "SqliteInsert | PostgresqlInsert":
        """Return an INSERT that can have an ON CONFLICT clause."""

    @abstractmethod
    def _fault(self, error: DBAPIError) -> Exception | None:
        """Return what to raise for an error: `StoreUnavailable` for the store's fault, `ServiceError` for a value
        that the database cannot hold. None for a fault of the statement."""

    def _write(self, run: Callable[[Connection], Result]) -> Result:
        """Run in a writer's thread, with a connection of its own."""
        with self._writer.connect() as connection:
            return run(connection)

    def _roll_back(self, connection: Connection) -> None:
        """Undo an open transaction."""
        connection.exec_driver_sql("ROLLBACK")

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

        return await self._in_writer(lambda connection: connection.execute(statement, values).rowcount)

    async def write_returning(
        self, statement: Executable, values: Mapping[str, object] | None = None
    ) -> Sequence[Record]:
        """Run a statement with RETURNING; returns the changed rows. Durable when it returns."""

        return await self._in_writer(lambda connection: connection.execute(statement, values).all())

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
        def transact(connection: Connection) -> Result:
            connection.exec_driver_sql(self.begin)
            try:
                result = run(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
            return result

        return await self._in_writer(transact)

    async def _in_writer(self, run: Callable[[Connection], Result]) -> Result:
        return await self._in_thread(self._writer_threads, lambda: self._write(run))

    def _read_every_table(self) -> None:
        with self._readers.connect() as connection:
            for statement in A_ROW_OF_EACH_TABLE:
                connection.execute(statement).all()

    async def close(self) -> None:
        """Let what has begun finish, then close every connection; idempotent."""
        await asyncio.to_thread(self._close)

    async def _in_thread(self, threads: ThreadPoolExecutor, run: Callable[[], Result]) -> Result:
        try:
            kind = WRITE if threads is self._writer_threads else READ
            async with self._patient(kind):
                return await asyncio.get_running_loop().run_in_executor(threads, run)
        except DBAPIError as error:
            fault = self._fault(error)
            if fault is None:
                raise
            raise fault from error

    async def _list(self, run: Callable[[Connection], Result]) -> Result:
        try:
            async with self._patient(LIST):
                return await self._listings.run(run)
        except DBAPIError as error:
            fault = self._fault(error)
            if fault is None:
                raise
            raise fault from error

    @asynccontextmanager
    async def _patient(self, kind: str) -> AsyncIterator[None]:
        began = asyncio.get_running_loop().time()
        timing = self._timings[kind]
        timing.begin()
        try:
            with self._tracing.child(f"store {kind}", SpanKind.CLIENT, self._attributes):
                async with asyncio.timeout(self.patience):
                    yield
        except TimeoutError as error:
            raise StoreUnavailable(GONE, f"it did not answer within {self.patience:g} s") from error
        finally:
            timing.end(asyncio.get_running_loop().time() - began)

    def _close(self) -> None:
        self._listings.close()
        self._reader_threads.shutdown()
        self._writer_threads.shutdown()
        self._readers.dispose()
        self._writer.dispose()
