"""ListUsers and DescribeOpsItems through core and store: do more users and access requests make a page slower?

Sizes are measured in turns, so that what else the machine does hits both alike, and the quickest of many
calls counts: what a page costs, not what it waits for.
"""

import asyncio
import itertools
import os
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.measurement import Bar, Measurement
from ferryman.bus.memory import MemoryBus
from ferryman.core.access_requests.listing import OPS_ITEM_STATUSES, describe_ops_items
from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES, ROLE_POLICIES
from ferryman.core.iam.users import list_users
from ferryman.core.service import Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import BuiltinRole, Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.store.database import open_store

BAR = 1.5
ROUNDS = 40
SIZES = (10_000, 100_000)
"""Access requests; a tenth as many users."""
NOW = 1_700_000_000_000
STATUSES = (1, 2, 10, 11, 12)
ACCOUNT = "123456789012"

Call = Callable[[Service, Caller], Awaitable[object]]


def _requests(size: int) -> Iterator[tuple[object, ...]]:
    """Yield requests, half of them of one person, of all statuses; some wait."""
    plan = '{"targets": [], "nodes": [], "levels": []}'
    for number in range(size):
        status = STATUSES[2 + number % 3] if number % 11 else STATUSES[number // 11 % 2]
        who = "busy" if number % 2 else f"u{number % 100}"
        at = NOW + number * 1000
        arn = f"arn:aws:iam::{ACCOUNT}:user/{who}"
        ended = at + 9 if status >= 10 else None
        yield (
            *(f"oi-{number:012x}", f"e{number:035d}", status, who, who, arn, who),
            *("why", plan, "p", 3600, at, at + 10**12, ended),
        )


def load(path: Path, size: int) -> None:
    """Fill a migrated store with `size` access requests, half of them on one node, and a tenth as many users."""
    columns = (
        "request_id, execution_id, status, requester_id, requester_person_id, requester_arn, requester_name, "
        "reason, plan, policy, duration, created_at, deadline_at, ended_at"
    )
    with sqlite3.connect(path) as database:
        marks = ", ".join("?" * 14)
        database.executemany(f"INSERT INTO access_requests ({columns}) VALUES ({marks})", _requests(size))  # noqa: S608
        database.execute(
            "INSERT INTO access_request_nodes (request_id, node_id, status, requester_id, requester_arn, created_at) "
            "SELECT request_id, CASE (created_at / 2000) % 2 WHEN 0 THEN 'mi-busy' "
            "ELSE 'mi-' || ((created_at / 1000) % 100) END, status, requester_id, requester_arn, created_at "
            "FROM access_requests"
        )
        users = ((f"AIDA{number:017d}", f"user-{number:06d}", NOW) for number in range(size // 10))
        database.executemany("INSERT INTO users (user_id, name, created_at) VALUES (?, ?, ?)", users)
        database.execute("ANALYZE")
    database.close()


def _calls() -> Mapping[str, Call]:
    arn = f"arn:aws:iam::{ACCOUNT}:user/"
    choices = {
        "Status": ("PendingApproval", "Rejected"),
        "AccessRequestByRequesterArn": (f"{arn}busy", f"{arn}nobody"),
        "AccessRequestByRequesterId": ("busy",),
        "AccessRequestByTargetResourceId": ("mi-busy", "mi-nowhere"),
    }
    assert {*choices["Status"]} <= {*OPS_ITEM_STATUSES}
    found: dict[str, Call] = {
        "ListUsers": lambda service, caller: list_users(service, caller, "/", None, 100),
        "DescribeOpsItems, no filter": lambda service, caller: describe_ops_items(service, caller, (), 50, None),
    }
    for many in (1, 2, 3):
        for keys in itertools.combinations(choices, many):
            if {"AccessRequestByRequesterArn", "AccessRequestByRequesterId"} <= {*keys}:
                continue  # not flat if they are two people's (decision 0041)
            for values in itertools.product(*(choices[key] for key in keys)):
                filters = [(key, "Equal", (value,)) for key, value in zip(keys, values, strict=True)]
                name = ", ".join(f"{key}={value.rpartition('/')[2]}" for key, _, (value,) in filters)
                found[f"DescribeOpsItems, {name}"] = _ops_items(filters)
    return found


def _ops_items(filters: Sequence[tuple[str, str, tuple[str, ...]]]) -> Call:
    return lambda service, caller: describe_ops_items(service, caller, filters, 50, None)


async def _measure(directory: Path, sizes: Sequence[int], rounds: int) -> Mapping[str, Mapping[int, float]]:
    policy = BUILTIN_POLICIES[ROLE_POLICIES[BuiltinRole.ADMINISTRATOR]]
    root = Caller(CallerKind.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/root", "AIDA1", "root")
    caller = Caller(root.kind, ACCOUNT, root.arn, root.user_id, root.name, policies=(PolicyDocument("p", policy.text),))
    async with AsyncExitStack() as stack:
        services: dict[int, Service] = {}
        for size in sizes:
            path = directory / f"{size}.db"
            await (await open_store(f"sqlite:///{path}")).close()
            load(path, size)
            store = await stack.enter_async_context(await open_store(f"sqlite:///{path}"))
            settings = Settings(ACCOUNT, "test-1", "https://ferryman.example")
            vault = Vault(os.urandom(32), os.urandom)
            services[size] = Service(settings, store, MemoryBus(), vault, lambda: Millis(NOW + 10**11), os.urandom)
        return {name: await _compare(call, services, caller, rounds) for name, call in _calls().items()}


async def _compare(call: Call, services: Mapping[int, Service], caller: Caller, rounds: int) -> Mapping[int, float]:
    taken: dict[int, list[float]] = {size: [] for size in services}
    for turn in range(rounds + 2):
        for size, service in services.items():
            began = time.perf_counter()
            await call(service, caller)
            if turn > 1:  # the first two fill the caches
                taken[size].append(1000 * (time.perf_counter() - began))
    return {size: min(samples) for size, samples in taken.items()}


def run(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> list[Measurement]:
    """Return times at the largest size beside those at the smallest: ListUsers, the worst of DescribeOpsItems."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory:
        measured = asyncio.run(_measure(Path(directory), sizes, rounds))
    small, large = min(sizes), max(sizes)
    users = measured["ListUsers"]
    others = {name: each for name, each in measured.items() if name != "ListUsers"}
    worst = max(others, key=lambda name: others[name][large] / others[name][small])
    slowest = max(each[large] for each in others.values())
    return [
        Measurement(
            f"ListUsers, 100 of {large // 10:,}",
            users[large],
            "ms",
            f"of {small // 10:,}",
            users[small],
            Bar("ratio", at_most=BAR),
        ),
        Measurement(
            f"DescribeOpsItems, worst of {len(others)} filters: at {large:,}",
            others[worst][large],
            "ms",
            f"at {small:,}",
            others[worst][small],
            Bar("ratio", at_most=BAR),
            f"{worst.partition(', ')[2]}; slowest {slowest:.2f} ms",
        ),
    ]
