"""Copies a whole store into an empty one, such as a SQLite file into a PostgreSQL database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table, create_engine, func, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ferryman.store.database import advice, sole_server, upgrade_store
from ferryman.store.faults import FAILED, StoreUnusable
from ferryman.store.offline.examination import examine_store
from ferryman.store.tables import metadata, sessions
from ferryman.store.urls import is_postgresql, store_url, without_password

BATCH = 1000
"""How many rows are in memory at a time."""

Progress = Callable[[str, int], None]
"""Called with a table's name and the number of its rows, once they have been copied."""


def copy_whole_store(source: str, target: str, progress: Progress) -> None:
    """Copy every row as one transaction; a failure leaves the target empty.

    No server may run on either. Raises `StoreUnusable` if one does, if the source has another schema than this
    release's, if the target has rows, or if either fails; ValueError for a URL that names no store.
    """
    found = examine_store(source)
    if not found.is_current:
        cause = f"its schema is {found.schema}, not {found.newest}" if found.schema else "it is empty"
        raise StoreUnusable(found.place, cause, "Start and stop a server of this release on it once")
    with sole_server(source), sole_server(target):
        upgrade_store(target)
        with _connected(source) as reading, _connected(target) as writing:
            for table in metadata.sorted_tables:
                if writing.execute(select(func.count()).select_from(table)).scalar_one():
                    place = without_password(store_url(target))
                    raise StoreUnusable(place, f"its table {table.name} has rows", "Name an empty database")
            for table in metadata.sorted_tables:
                progress(table.name, _copy(table, reading, writing))
            if is_postgresql(target):
                writing.execute(_NEXT_NUMBER)


def _copy(table: Table, reading: Connection, writing: Connection) -> int:
    columns = [column for column in table.columns if column.computed is None]
    rows = reading.execution_options(yield_per=BATCH).execute(select(*columns))
    copied = 0
    for batch in rows.mappings().partitions(BATCH):
        writing.execute(insert(table), [dict(row) for row in batch])
        copied += len(batch)
    return copied


_NEXT_NUMBER = text(
    f"SELECT setval(pg_get_serial_sequence('{sessions.name}', 'number'), (SELECT max(number) FROM {sessions.name}))"  # noqa: S608 our own name
)


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    """Connect within one transaction."""
    parsed = store_url(url)
    engine = create_engine(parsed, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            if is_postgresql(url):
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield connection
    except DBAPIError as error:
        said = " ".join(str(error.orig).split())
        raise StoreUnusable(without_password(parsed), said, advice(url, FAILED)) from error
    finally:
        engine.dispose()
