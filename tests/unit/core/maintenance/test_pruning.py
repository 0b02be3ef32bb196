"""What is too old is deleted a little at a time, and other writes come in between."""

import asyncio

import pytest

from ferryman.core.maintenance import pruning
from ferryman.core.maintenance.pruning import BATCH, BATCHES, prune
from ferryman.model.identifiers import Millis

BEFORE = Millis(5)


class Rows:
    """So many rows to delete."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.calls: list[int] = []

    async def delete(self, ended_before: Millis, limit: int) -> int:
        assert ended_before == BEFORE
        deleted = min(self.count, limit)
        self.count -= deleted
        self.calls.append(deleted)
        return deleted


@pytest.mark.parametrize(
    ("rows", "calls"),
    [
        (0, [0]),
        (BATCH - 1, [BATCH - 1]),
        (BATCH + 1, [BATCH, 1]),
        (2 * BATCHES * BATCH, [BATCH] * BATCHES),
    ],
)
async def test_rows_are_deleted_in_small_transactions(rows: int, calls: list[int]) -> None:
    found = Rows(rows)
    assert await prune(found.delete, BEFORE) == sum(calls)
    assert found.calls == calls


async def test_a_slow_store_is_left_alone_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "BUDGET", 0.0)
    found = Rows(10 * BATCH)
    assert await prune(found.delete, BEFORE) == BATCH


async def test_there_is_a_pause_between_two_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the only writer would be busy all the time."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await prune(Rows(3 * BATCH).delete, BEFORE)
    assert pauses == [pruning.PAUSE] * 3
