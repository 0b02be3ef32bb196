"""Connections to a SQLite file, of which one writes.

SQLite allows one writer at a time; with one writing thread the others wait here, in order, and not in SQLite's busy
loop. `synchronous=FULL` makes a write durable when it returns, even across a power failure.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection as Driver

from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.errors import StoreUnavailable
from ferryman.store.connections import READERS, Connections, Pools
from ferryman.store.faults import CORRUPTED, FULL, GONE
from ferryman.store.listings import readers as listing_readers
from ferryman.store.listings.readers import ListingReaders, Watch
from ferryman.store.sqlite.faults import is_full, state_of

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA busy_timeout = 10000",  # another process may write: `ferryman user`, a migration
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA mmap_size = 1073741824",
    "PRAGMA temp_store = MEMORY",
)
_READING = (*_PRAGMAS, "PRAGMA query_only = ON")
_STEPS = 10_000
"""SQLite's virtual instructions between two looks at the clock: about a tenth of a millisecond."""


class SqliteConnections(Connections):
    """Connections to one file. A listing may take `listing_seconds`, or `listing_readers.TIMEOUT_SECONDS`."""

    begin = "BEGIN IMMEDIATE"
    system = "sqlite"
    merges_walks = True

    def __init__(self, url: URL, listing_seconds: float | None = None, tracing: Tracing = NO_TRACING) -> None:
        self._path = Path(str(url.database))
        self._identity = _identity(self._path)
        self._corruption = ""
        listings = _engine(url, size=listing_readers.READERS, pragmas=_READING)
        super().__init__(
            Pools(
                writer=_engine(url, size=1, pragmas=_PRAGMAS),
                readers=_engine(url, size=READERS, pragmas=_READING),
                listings=ListingReaders(listings, listing_seconds or listing_readers.TIMEOUT_SECONDS, _watched),
            ),
            tracing,
        )

    async def check(self) -> None:
        """Read a row of every table, and write a page. Raises `StoreUnavailable`, also after any earlier statement
        found the file corrupted, and for a file that was deleted or replaced."""
        if self._corruption:
            raise StoreUnavailable(CORRUPTED, self._corruption)
        if _identity(self._path) != self._identity:
            raise StoreUnavailable(GONE, f"{self._path} was deleted or replaced")
        if is_full(self._path):
            raise StoreUnavailable(FULL, "no space is left on its disk")

        def write(connection: Connection) -> None:
            (version,) = connection.exec_driver_sql("PRAGMA user_version").one()
            connection.exec_driver_sql(f"PRAGMA user_version = {version}")  # writes the page in any case

        await self._in_thread(self._reader_threads, self._read_every_table)
        await self._in_writer(write)

    def insert(self, table: Table) -> Insert:
        """See the base."""
        return Insert(table)

    def _fault(self, error: DBAPIError) -> StoreUnavailable | None:
        state = state_of(error, self._path)
        if state is None:
            return None
        if state == CORRUPTED:
            self._corruption = str(error.orig)
        return StoreUnavailable(state, str(error.orig))

    def _roll_back(self, connection: Connection) -> None:
        if connection.connection.driver_connection.in_transaction:  # type: ignore[union-attr] # it is open
            super()._roll_back(connection)  # SQLite itself has, if the disk is full


@contextmanager
def _watched(connection: Connection, watch: Watch) -> Iterator[None]:
    """Let SQLite ask every few thousand steps whether to continue a listing."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, Driver):
        raise TypeError(f"a listing needs a SQLite connection, not {driver!r}")
    driver.set_progress_handler(watch.is_over, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)


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
        execution_options={"preserve_rowcount": True},  # of an INSERT … SELECT as well
        pool_reset_on_return=None,  # nothing to roll back: every statement is its own transaction
    )

    @event.listens_for(engine, "connect")
    def set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    return engine
