"""DescribeInstanceInformation, page of 50, of many nodes: all of them, and by PingStatus when few or none have it.

A PingStatus is asked of the servers that hold control channels, not of the store, so every node must be looked at: the
bar is on the slowest call, and on what all pages cost together.
"""

import asyncio
import os
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measurement import Bar, Measurement
from ferryman.bus.memory import MemoryBus
from ferryman.core.authorization.builtin_policies import BUILTIN_POLICIES, ROLE_POLICIES
from ferryman.core.messages import DONE, control_subject
from ferryman.core.nodes.listing import describe_instance_information
from ferryman.core.nodes.requests import DescribeNodesRequest
from ferryman.core.service import Service, Settings
from ferryman.core.vault import Vault
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import BuiltinRole, Caller, CallerKind
from ferryman.model.identity.policies import PolicyDocument
from ferryman.store.database import open_store

NODES = 50_000
PAGE = 50
CALLS = 5
NOW = 1_700_000_000_000
NOTHING_BAR_MS = 1_000
ALL_BAR_MS = 10
"""For one page of 50."""
_COLUMNS = (
    "fingerprint",
    "node_id",
    "activation_id",
    "iam_role",
    "name",
    "public_key",
    "registered_at",
    "key_since",
    "last_ping_at",
)
_INFORMATION = (
    "agent_name",
    "agent_version",
    "platform_type",
    "platform_name",
    "platform_version",
    "computer_name",
    "ip_address",
)
_ARN = "arn:aws:iam::123456789012:user/bench"
_POLICIES = (PolicyDocument("administrator", BUILTIN_POLICIES[ROLE_POLICIES[BuiltinRole.ADMINISTRATOR]].text),)
_CALLER = Caller(CallerKind.USER, "123456789012", _ARN, "AIDABENCH", "bench", policies=_POLICIES)


def _node_id(number: int) -> str:
    return f"mi-{(number * 0x9E3779B97F4A7C15) % (1 << 64):017x}"


def _rows(count: int) -> Iterator[tuple[object, ...]]:
    for number in range(count):
        known = ("amazon-ssm-agent", "3.3.1142.0", "Linux", "Debian", "12", f"host{number}", "192.0.2.1")
        yield ("", _node_id(number), "activation", "role", f"node{number}", "k" * 392, NOW, NOW, NOW - 60_000, *known)


def load(path: Path, count: int) -> None:
    """Fill a migrated database with nodes."""
    with sqlite3.connect(path) as connection:
        columns = (*_COLUMNS, *_INFORMATION)
        marks = ", ".join("?" * len(columns))
        connection.executemany(f"INSERT INTO nodes ({', '.join(columns)}) VALUES ({marks})", _rows(count))  # noqa: S608
    connection.close()


async def _answer(_payload: bytes) -> bytes:
    return DONE


async def _walk(service: Service, *filters: tuple[str, tuple[str, ...]]) -> tuple[int, list[float]]:
    """Return how many nodes match, and the milliseconds of each page."""
    found, took, token = 0, list[float](), None
    while True:
        begun = time.perf_counter()
        page = await describe_instance_information(service, _CALLER, DescribeNodesRequest(PAGE, token, filters))
        took.append((time.perf_counter() - begun) * 1000)
        found, token = found + len(page.items), page.next_token
        if token is None:
            return found, took


async def _measure(path: Path, count: int) -> list[Measurement]:
    await (await open_store(f"sqlite:///{path}")).close()
    await asyncio.to_thread(load, path, count)
    bus = MemoryBus()
    settings = Settings("123456789012", "bench-1", "http://localhost")
    async with await open_store(f"sqlite:///{path}") as store:
        service = Service(settings, store, bus, Vault(bytes(32), os.urandom), lambda: Millis(NOW), os.urandom)
        nothing = [await _walk(service, ("PingStatus", ("Online",))) for _ in range(CALLS)]
        for number in range(count):
            await bus.subscribe(control_subject(_node_id(number)), _answer)
        lost = [await _walk(service, ("PingStatus", ("ConnectionLost",))) for _ in range(CALLS)]
        every, pages = await _walk(service)
        online, online_pages = await _walk(service, ("PingStatus", ("Online",)))
    await bus.close()
    assert {found for found, _ in [*nothing, *lost]} == {0}
    assert every == online == count
    return [
        Measurement(name, statistics.median(values), "ms", bar=Bar("value", at_most=bar), note=note)
        for name, values, bar, note in (
            (f"Online nodes, {count:,} and none: all pages", [sum(each) for _, each in nothing], NOTHING_BAR_MS, ""),
            (f"Lost nodes, {count:,} and none: all pages", [sum(each) for _, each in lost], NOTHING_BAR_MS, ""),
            (f"{count:,} nodes, a page", pages, ALL_BAR_MS, f"all {len(pages):,} pages {sum(pages) / 1000:.1f} s"),
            (f"{count:,} online nodes, a page", online_pages, ALL_BAR_MS, f"slowest {max(online_pages):.0f} ms"),
        )
    ]


def run(count: int = NODES) -> list[Measurement]:
    """Return the medians of what the listings take."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory:
        return asyncio.run(_measure(Path(directory) / "nodes.db", count))


if __name__ == "__main__":
    for each in run():
        print(each)
