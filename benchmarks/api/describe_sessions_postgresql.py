"""DescribeSessions, page of 50, in PostgreSQL: as `describe_sessions`, at 10,000 and 1,000,000 sessions.

`FERRYMAN_BENCHMARK_SESSIONS=10000000` makes the large database larger. It then needs 17 GB of disk in the temporary
directory, and about half an hour. PostgreSQL runs in the same directory. `shared_buffers` is a quarter of the memory,
as its manual recommends, and the table is read once before: a page of one target or owner has its rows on 50 pages of
the table, so what it costs is where those pages are.
"""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.api.describe_sessions import (
    CALLS,
    COLUMNS,
    ROUNDS,
    measure_services,
    measurements,
    rows,
    service_of,
)
from benchmarks.measurement import Measurement
from ferryman.core.service import Service
from ferryman.store.database import open_store, upgrade_store
from tests.postgresql import Postgresql, running_postgresql

SMALL = 10_000
LARGE = int(os.environ.get("FERRYMAN_BENCHMARK_SESSIONS", "1000000"))
_SETTINGS = ("max_wal_size=8GB", "wal_level=minimal", "max_wal_senders=0", "maintenance_work_mem=1GB")
_BUFFERS = psutil.virtual_memory().total // 4 // 2**20
_READ_ALL = "SELECT count(reason) FROM sessions WHERE number > 0"
_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'sessions' AND indexname NOT IN
    (SELECT conname FROM pg_constraint WHERE conrelid = 'sessions'::regclass)
"""


def load(url: str, size: int) -> None:
    """Fill a migrated database with sessions by COPY; indexes are made again afterwards, which is much faster."""
    with psycopg.connect(url, autocommit=True) as connection:
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"'.encode())
        copy = f"COPY sessions ({', '.join(COLUMNS)}) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(copy.encode()) as copying:
            for row in rows(size):
                copying.write_row(row)
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM ANALYZE sessions")
        connection.execute("CHECKPOINT")
        # Along an index: PostgreSQL would keep little of what it reads of a large table in one go.
        connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        connection.execute("SET max_parallel_workers_per_gather = 0")
        connection.execute(_READ_ALL)


async def _measure(postgresql: Postgresql, sizes: Sequence[int], rounds: int, calls: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        services: dict[int, Service] = {}
        for size in sizes:
            postgresql.execute(f"CREATE DATABASE sessions{size}")
            url = postgresql.url(f"sessions{size}")
            await asyncio.to_thread(upgrade_store, url)
            await asyncio.to_thread(load, url, size)
            services[size] = service_of(await stack.enter_async_context(await open_store(url)))
        return await measure_services(services, rounds, calls)


def measure(sizes: Sequence[int] = (SMALL, LARGE), rounds: int = ROUNDS, calls: int = CALLS) -> dict[str, Any]:
    """Measure every filter at every size; returns what `describe_sessions.measure` does."""
    account = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with running_postgresql(directory, account, (*_SETTINGS, f"shared_buffers={_BUFFERS}MB")) as postgresql:
            return asyncio.run(_measure(postgresql, sizes, rounds, calls))


def run() -> list[Measurement]:
    """Return p99 at the large size beside that at the small one, a line a filter."""
    return measurements("PostgreSQL: DescribeSessions", measure())
