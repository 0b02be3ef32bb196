"""Connections to PostgreSQL: several read, and several write.

Writes are SERIALIZABLE transactions: what one reads, nobody else changes before it has been committed, as with SQLite.
PostgreSQL runs them concurrently, and rolls one back if they conflict; it is then run again here. Two that insert the
same key at the same time can end in a unique violation instead, though a moment later the statement would have found
the other's row: that is run again once. Every wait has a limit: for a connection, a lock, a statement and a forgotten
transaction.
"""

import random
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.errors import ServiceError, StoreUnavailable
from ferryman.store.connections import READERS, Connections, Pools
from ferryman.store.faults import READ_ONLY
from ferryman.store.listings import readers as listing_readers
from ferryman.store.listings.readers import ListingReaders, Watch
from ferryman.store.postgresql.faults import is_bad_value, is_taken, met_another, said_by, state_of

WRITERS = 4
ATTEMPTS = 8
"""How often a transaction that conflicts with others is attempted."""
_LONGEST_PAUSE = 0.1
"""Seconds between two attempts; the first pauses are shorter."""
_CONNECT_SECONDS = 5
_SETTINGS = {
    "application_name": "ferryman",
    "client_encoding": "UTF8",
    "default_transaction_isolation": "read committed",
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}
LISTING_SETTINGS = {"seq_page_cost": "0.001", "random_page_cost": "0.001"}
"""A listing uses the index that reads fewest rows. By what pages cost, PostgreSQL would often choose one that is in the
order of time and leave the filter to each row: quick as long as recent rows match, endless once they do not."""
_ALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3, "tcp_user_timeout": 10_000}
"""A server that has vanished without a word is noticed after about ten seconds."""

Result = TypeVar("Result")


class PostgresqlConnections(Connections):
    """Connections to one database. A listing may take `listing_seconds`, or `listing_readers.TIMEOUT_SECONDS`."""

    begin = "BEGIN"
    system = "postgresql"
    merges_walks = False
    patience = 20.0

    def __init__(self, url: URL, listing_seconds: float | None = None, tracing: Tracing = NO_TRACING) -> None:
        writing = {"default_transaction_isolation": "serializable"}
        reading = {"default_transaction_read_only": "on"}
        listings = _engine(url, listing_readers.READERS, reading | LISTING_SETTINGS)
        super().__init__(
            Pools(
                writer=_engine(url, WRITERS, writing),
                readers=_engine(url, READERS, reading),
                listings=ListingReaders(listings, listing_seconds or listing_readers.TIMEOUT_SECONDS, _watched),
                writers=WRITERS,
            ),
            tracing,
        )

    async def check(self) -> None:
        """Read a row of every table, and ask whether rows can be written. Raises `StoreUnavailable`."""

        def ask(connection: Connection) -> None:
            if connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one():
                raise StoreUnavailable(READ_ONLY, "it is a standby")

        await self._in_thread(self._reader_threads, self._read_every_table)
        await self._in_writer(ask)

    def insert(self, table: Table) -> Insert:
        """See the base."""
        return Insert(table)

    def _fault(self, error: DBAPIError) -> Exception | None:
        if is_bad_value(error):
            message = "A value is too long, or has a NUL character."
            return ServiceError("ValidationException", message, cause=said_by(error))
        state = state_of(error)
        return None if state is None else StoreUnavailable(state, said_by(error))

    def _write(self, run: Callable[[Connection], Result]) -> Result:
        found_taken = False
        for attempt in range(1, ATTEMPTS):
            try:
                return super()._write(run)
            except DBAPIError as error:
                if is_taken(error) and not found_taken:  # perhaps by a row that it could not see
                    found_taken = True
                elif not met_another(error):
                    raise
            time.sleep(random.uniform(0, min(_LONGEST_PAUSE, 0.002 * 2**attempt)))  # noqa: S311 no secret
        return super()._write(run)

    def _roll_back(self, connection: Connection) -> None:
        with suppress(DBAPIError):  # a connection that is lost has nothing to undo
            super()._roll_back(connection)


@contextmanager
def _watched(connection: Connection, watch: Watch) -> Iterator[None]:
    """Limit the listing's statement to the time that the listing has left."""
    left = max(1, round((watch.deadline - time.monotonic()) * 1000) + 1)
    connection.exec_driver_sql(f"SET statement_timeout = {left}")
    yield


def options(settings: dict[str, str]) -> dict[str, Any]:
    """Return the connection options, which bound every wait."""
    written = " ".join(f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items())
    return {"connect_timeout": _CONNECT_SECONDS, "options": written, **_ALIVE}


def _engine(url: URL, size: int, settings: dict[str, str]) -> Engine:
    engine = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=size,
        max_overflow=0,
        execution_options={"preserve_rowcount": True},  # of an INSERT … SELECT as well
        pool_reset_on_return=None,  # nothing to roll back: every statement is its own transaction
        connect_args=options(_SETTINGS | settings),
    )

    @event.listens_for(engine, "checkout")
    def refuse_a_closed_one(driver: Any, _entry: ConnectionPoolEntry, _proxy: object) -> None:
        if _is_closed(driver):  # the pool opens another
            raise DisconnectionError

    return engine


def _is_closed(driver: "psycopg.Connection[Any]") -> bool:
    """Return whether PostgreSQL closed an idle connection: it then has something to read, which costs no trip."""
    if driver.closed:
        return True
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
