"""DescribeSessions, page of 50: does history make it slower? Every filter, at several sizes, through core and store.

The sizes are measured side by side, a few calls each in turn, so that what else the machine does hits all alike. A
filter selects as many sessions at every size (a full page, three, or none), so that only the size differs; its value
changes from call to call, so that no page stays in a cache for being asked for again.
"""

import asyncio
import gc
import os
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

from benchmarks.measurement import Bar, Measurement
from ferryman.bus.memory import MemoryBus
from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES, ROLE_POLICIES
from ferryman.core.service import Service, Settings
from ferryman.core.sessions.listing import describe_sessions
from ferryman.core.sessions.requests import DescribeSessionsRequest
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import BuiltinRole, Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.model.sessions import AccessType, SessionState, SessionStatus
from ferryman.store.database import SqlStore, open_store
from ferryman.store.sessions.rows import ACCESS_TYPE_CODES, STATUS_CODES

BAR = 1.5
"""p99 at the largest size may be this many times that at the smallest."""
ROUNDS = 12
CALLS = 200
"""Calls of each filter and size in a round. A round has a p99 of its own, and the median of them counts: what is slow
by itself is slow in every round, what the machine does besides is not."""
COMBINED_CALLS = 20
"""The same for filters together, of which there are hundreds."""
PAGE = 50
PER_TARGET = 200
PER_OWNER = 400
RARE = 100
"""Targets, and owners, of three sessions each."""
NOW = 1_700_000_000_000
MONTH = 29 * 86_400_000

Filters = tuple[tuple[str, str], ...]
COLUMNS = (
    "session_id",
    "target",
    "status",
    "started_at",
    "ended_at",
    "deadline_at",
    "document_name",
    "owner",
    "owner_id",
    "owner_name",
    "idle_timeout",
    "access_type",
    "reason",
    "details",
)


@dataclass(frozen=True)
class Case:
    """One filter: its value for the n-th call at a size, and how many sessions must come."""

    name: str
    state: SessionState
    filters: Callable[[int, int], Filters]
    expected: int | None = PAGE
    """None: not checked."""


def _iso(millis: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(millis / 1000))


def _arn(name: str) -> str:
    return f"arn:aws:iam::123456789012:user/{name}"


def _key(key: str, value: Callable[[int, int], str]) -> Callable[[int, int], Filters]:
    return lambda size, call: ((key, value(size, call)),)


def _cases() -> tuple[Case, ...]:
    history, active = SessionState.HISTORY, SessionState.ACTIVE
    return (
        Case("none", history, lambda size, call: ()),
        Case("none", active, lambda size, call: ()),
        Case("InvokedAfter", history, _key("InvokedAfter", lambda size, call: _iso(NOW - MONTH * 9 // 10 + call))),
        Case("InvokedAfter, none", history, _key("InvokedAfter", lambda size, call: _iso(NOW + 60_000)), 0),
        Case(
            "InvokedBefore",
            history,
            _key("InvokedBefore", lambda size, call: _iso(NOW - call * 9973_000 % (MONTH // 2))),
        ),
        Case("InvokedBefore, none", history, _key("InvokedBefore", lambda size, call: _iso(NOW - 2 * MONTH)), 0),
        Case("Target", history, _key("Target", lambda size, call: f"mi-{call * 7919 % (size // PER_TARGET):017x}")),
        Case("Target, rare", history, _key("Target", lambda size, call: f"mi-rare-{call % RARE}"), 3),
        Case("Target, none", history, _key("Target", lambda size, call: f"mi-none-{call}"), 0),
        Case("Target, none", active, _key("Target", lambda size, call: f"mi-none-{call}"), 0),
        Case("Owner", history, _key("Owner", lambda size, call: _arn(f"user{call * 7919 % (size // PER_OWNER)}"))),
        Case("Owner, rare", history, _key("Owner", lambda size, call: _arn(f"rare{call % RARE}")), 3),
        Case("Owner, none", history, _key("Owner", lambda size, call: _arn(f"none{call}")), 0),
        Case("Owner by name", history, _key("Owner", lambda size, call: f"user{call * 7919 % (size // PER_OWNER)}")),
        Case("Owner by name, none", active, _key("Owner", lambda size, call: f"none{call}"), 0),
        Case("Status=Terminated", history, _key("Status", lambda size, call: "Terminated")),
        Case("Status=Failed, rare", history, _key("Status", lambda size, call: "Failed"), 3),
        Case("Status=Connected", active, _key("Status", lambda size, call: "Connected")),
        Case("Status=Terminating, none", active, _key("Status", lambda size, call: "Terminating"), 0),
        Case("SessionId", history, _key("SessionId", lambda size, call: session_id(call * 7919 % (size // 2))), 1),
        Case("SessionId, none", history, _key("SessionId", lambda size, call: f"none-{call}"), 0),
        Case("AccessType=Standard", history, _key("AccessType", lambda size, call: "Standard")),
        Case("AccessType=JustInTime, rare", history, _key("AccessType", lambda size, call: "JustInTime"), 3),
        Case("AccessType=JustInTime, none", active, _key("AccessType", lambda size, call: "JustInTime"), 0),
    )


_COMMON_OR_NOT: Mapping[str, tuple[str, ...]] = {
    "Target": ("mi-hot", "mi-none"),
    "Owner": ("hot", "none", _arn("hot"), _arn("none")),
    "Status": ("Terminated", "Failed", "Connected"),
    "AccessType": ("Standard", "JustInTime"),
    "InvokedAfter": (_iso(NOW - MONTH * 9 // 10), _iso(NOW + 60_000)),
    "InvokedBefore": (_iso(NOW - MONTH // 2), _iso(NOW - 2 * MONTH)),
}
"""Each filter with a value that much of the table has, and with one that nearly nothing has."""


def _combined_cases() -> Iterator[Case]:
    """Two and three filters together, each common or rare by itself."""
    for size in (2, 3):
        for keys in combinations(_COMMON_OR_NOT, size):
            for values in product(*(_COMMON_OR_NOT[key] for key in keys)):
                filters = tuple(zip(keys, values, strict=True))
                state = SessionState.ACTIVE if ("Status", "Connected") in filters else SessionState.HISTORY
                yield Case(" + ".join(map("=".join, filters)), state, _always(filters), None)


def _always(filters: Filters) -> Callable[[int, int], Filters]:
    def chosen(_size: int, _call: int) -> Filters:
        return filters

    return chosen


def session_id(number: int) -> str:
    return f"user-{(number * 0x9E3779B97F4A7C15) % (1 << 64):017x}"


def rows(size: int, newest: int = NOW) -> Iterator[tuple[object, ...]]:
    """Rows in order of time: the first 97 % ended, the newest 3 % active; three failed, three just in time.
    `newest` is the time of the newest, in milliseconds since the epoch.

    One target has a fifth of the rows, one owner another fifth; they have no row in common.
    """
    draw = random.Random(size)  # noqa: S311 - the same table every time
    targets, owners = size // PER_TARGET, size // PER_OWNER
    special = iter(draw.sample(range(size * 9 // 10), 6 * RARE + 6))
    rare_target = {next(special): f"mi-rare-{number % RARE}" for number in range(3 * RARE)}
    rare_owner = {next(special): f"rare{number % RARE}" for number in range(3 * RARE)}
    failed = {next(special) for _ in range(3)}
    just_in_time = set(special)
    for number in range(size):
        started_at = newest - MONTH + MONTH * number // size
        ended = number < size * 97 // 100
        owner = rare_owner.get(number) or ("hot" if number % 5 == 1 else f"user{draw.randrange(owners)}")
        target = rare_target.get(number) or ("mi-hot" if number % 5 == 0 else f"mi-{draw.randrange(targets):017x}")
        if ended:
            status = SessionStatus.FAILED if number in failed else SessionStatus.TERMINATED
        else:
            status = SessionStatus.CONNECTED
        yield (
            session_id(number),
            target,
            STATUS_CODES[status],
            started_at,
            started_at + 600_000 if ended else None,
            started_at + 1_200_000,
            "SSM-SessionManagerRunShell",
            _arn(owner),
            "AIDA" + owner.upper().ljust(17, "A"),
            owner,
            20,
            ACCESS_TYPE_CODES[AccessType.JUST_IN_TIME if number in just_in_time else AccessType.STANDARD],
            "a reason of some length",
            None,
        )


def load(path: Path, size: int) -> None:
    """Fill a migrated database with sessions of this module."""
    fill(path, rows(size))


def fill(path: Path, rows: Iterator[tuple[object, ...]]) -> None:
    """Insert sessions, each with the values of `COLUMNS`; indexes are made again afterwards, which is much faster."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -262144")
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'sessions' AND sql IS NOT NULL"
    ).fetchall()
    connection.execute("BEGIN")
    for name, _ in indexes:
        connection.execute(f'DROP INDEX "{name}"')
    marks = ", ".join("?" * len(COLUMNS))
    connection.executemany(f"INSERT INTO sessions ({', '.join(COLUMNS)}) VALUES ({marks})", rows)  # noqa: S608
    for _, statement in indexes:
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def service_of(store: SqlStore) -> Service:
    """Return a service over a store with sessions of this module."""
    settings = Settings("123456789012", "bench-1", "http://localhost")
    return Service(settings, store, MemoryBus(), Vault(bytes(32), os.urandom), lambda: Millis(NOW), os.urandom)


_POLICIES = (PolicyDocument("administrator", BUILTIN_POLICIES[ROLE_POLICIES[BuiltinRole.ADMINISTRATOR]].text),)
_CALLER = Caller(CallerKind.USER, "123456789012", _arn("bench"), "AIDABENCH", "bench", policies=_POLICIES)


async def _time(service: Service, case: Case, size: int, calls: range) -> list[float]:
    """Return the microseconds of each call."""
    took: list[float] = []
    for call in calls:
        request = DescribeSessionsRequest(case.state, PAGE, None, case.filters(size, call))
        begun = time.perf_counter_ns()
        page = await describe_sessions(service, _CALLER, request)
        took.append((time.perf_counter_ns() - begun) / 1000)
        if case.expected is not None and len(page.items) != case.expected:
            raise AssertionError(f"{case.name} at {size}: {len(page.items)} sessions, not {case.expected}")
    return took


async def _measure(sizes: Sequence[int], directory: Path, rounds: int, calls: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        services: dict[int, Service] = {}
        for size in sizes:
            path = directory / f"{size}.db"
            await (await open_store(f"sqlite:///{path}")).close()
            await asyncio.to_thread(load, path, size)
            services[size] = service_of(await stack.enter_async_context(await open_store(f"sqlite:///{path}")))
        return await measure_services(services, rounds, calls)


async def measure_services(services: Mapping[int, Service], rounds: int, calls: int) -> dict[str, Any]:
    """Measure services by the number of sessions that their stores have; see `measure` for what it returns."""
    rows = [await _measure_case(case, services, rounds, calls) for case in _cases()]
    combined = [await _measure_case(case, services, rounds, COMBINED_CALLS) for case in _combined_cases()]
    worst = max(row["ratio_p99"] for row in rows)
    return {
        "sizes": sorted(services),
        "unit": "us",
        "rows": rows,
        "combined": combined,
        "worst_ratio_p99": worst,
        "bar": BAR,
        "ok": worst <= BAR,
    }


async def _measure_case(case: Case, services: Mapping[int, Service], rounds: int, calls: int) -> dict[str, Any]:
    per_round: dict[int, list[list[float]]] = {size: [] for size in services}
    for size, service in services.items():  # warm
        await _time(service, case, size, range(calls))
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        for turn in range(rounds):
            for size in services:
                per_round[size].append([])
            for first in range(0, calls, 10):
                start = turn * calls + first
                for size, service in services.items():
                    per_round[size][-1] += await _time(service, case, size, range(start, start + 10))
    finally:
        gc.enable()
        gc.unfreeze()
    row: dict[str, Any] = {"filter": case.name, "state": case.state.value, "sessions": case.expected}
    for size, samples in per_round.items():
        row[str(size)] = {
            "p50": round(statistics.median(sample for one in samples for sample in one), 1),
            "p99": round(statistics.median(_quantile(one, 0.99) for one in samples), 1),
        }
    smallest, largest = (row[str(size)] for size in (min(services), max(services)))
    row["ratio_p50"] = round(largest["p50"] / smallest["p50"], 3)
    row["ratio_p99"] = round(largest["p99"] / smallest["p99"], 3)
    return row


def _quantile(samples: Sequence[float], part: float) -> float:
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * part))]


def measure(sizes: Sequence[int] = (10_000, 1_000_000), rounds: int = ROUNDS, calls: int = CALLS) -> dict[str, Any]:
    """Measure every filter at every size (at least 10,000 sessions each).

    Returns `rows`, one for each filter, and `combined`, one for two or three filters together: `filter`, `state`,
    `sessions` a page holds, for each size (as text) `p50` and `p99` in microseconds, and `ratio_p50`, `ratio_p99` of
    the largest to the smallest size; also `worst_ratio_p99`, `bar` and `ok`. The p99 of a size is the median of its
    rounds' p99s. Needs about 900 bytes of disk a session in the temporary directory.
    """
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory:
        return asyncio.run(_measure(sizes, Path(directory), rounds, calls))


def run(sizes: Sequence[int] = (10_000, 1_000_000)) -> list[Measurement]:
    """Return p99 at the largest size beside that at the smallest, a line a filter."""
    return measurements("DescribeSessions", measure(sizes))


def measurements(name: str, result: Mapping[str, Any]) -> list[Measurement]:
    """Return what `measure` returned as lines, which begin with `name`."""
    small, large = min(result["sizes"]), max(result["sizes"])
    worst = max(result["combined"], key=lambda row: row["ratio_p50"])
    together = Measurement(
        # p50, for each has few calls: their p99 is what else the machine did.
        name=f"{name}, worst of {len(result['combined'])} pairs and triples of filters: p50 at {large:,}",
        value=worst[str(large)]["p50"] / 1000,
        unit="ms",
        peer=f"at {small:,}",
        peer_value=worst[str(small)]["p50"] / 1000,
        bar=Bar("ratio", at_most=BAR),
        note=f"{worst['filter']}; slowest {max(row[str(large)]['p50'] for row in result['combined']) / 1000:.2f} ms",
    )
    single = [
        Measurement(
            name=f"{name} {row['state']}, {row['filter']}: p99 at {large:,}",
            value=row[str(large)]["p99"] / 1000,
            unit="ms",
            peer=f"at {small:,}",
            peer_value=row[str(small)]["p99"] / 1000,
            bar=Bar("ratio", at_most=BAR),
            note=f"p50 {row[str(large)]['p50'] / 1000:.2f} ms, at {small:,} {row[str(small)]['p50'] / 1000:.2f} ms",
        )
        for row in result["rows"]
    ]
    return [*single, together]
