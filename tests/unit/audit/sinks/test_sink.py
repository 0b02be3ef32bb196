"""Sinks: everything is delivered at least once, in order, over failures and restarts; gaps are told."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit.follower import Batch, TrailFollower
from ferryman.audit.sinks import sink
from ferryman.audit.sinks.position import position_path, read_position
from ferryman.audit.sinks.sink import GAP, Pace, Sink, Undelivered
from ferryman.model.identifiers import Millis
from tests.unit.audit.trails import describe, open_trail, records
from tests.waiting import PATIENCE

PACE = Pace(0, 1 << 20, 100, first_retry=0.001, last_retry=0.001)


class FarEnd:
    """What sinks deliver to. `refusals` are raised first, one a call."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.batches: list[list[int]] = []
        self.attempts = 0
        self._changed = asyncio.Event()

    async def deliver(self, batch: Batch) -> None:
        self.attempts += 1
        self._changed.set()
        if self.refusals:
            raise self.refusals.pop(0)
        self.batches.append([json.loads(line)["chain"]["sequence"] for line in batch.lines])

    @property
    def taken(self) -> list[int]:
        return [sequence for batch in self.batches for sequence in batch]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._changed.clear()
                await self._changed.wait()
                await asyncio.sleep(0)


class Running:
    """A trail and a sink of it, as a server has them."""

    def __init__(self, directory: Path, far_end: FarEnd, pace: Pace = PACE, **files: Any) -> None:
        self.sink = Sink("test", directory, far_end.deliver, pace, lambda: Millis(5), describe)
        self.trail = open_trail(directory, copies=[self.sink.written], **files)
        self.sink.start(self.trail)

    async def stop(self) -> None:
        await self.trail.close()
        await self.sink.close()


@pytest.fixture(autouse=True)
def patient_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine, what waits may take longer to be delivered than a stopping server has."""
    monkeypatch.setattr(sink, "END_SECONDS", PATIENCE)


def failure(directory: Path) -> str | None:
    return read_position(position_path(directory, "test")).failure


async def test_everything_is_delivered_in_order(tmp_path: Path) -> None:
    far_end = FarEnd()
    running = Running(tmp_path, far_end)
    for n in range(20):
        await running.trail.keep({"n": n})
    await running.stop()
    assert far_end.taken == list(range(1, 23))
    assert read_position(position_path(tmp_path, "test")).sequence == 22


async def test_a_restart_resumes_where_the_sink_stopped(tmp_path: Path) -> None:
    first, second = FarEnd(), FarEnd()
    running = Running(tmp_path, first)
    await running.trail.keep({"n": 1})
    await running.stop()
    running = Running(tmp_path, second)
    await running.stop()
    assert first.taken == [1, 2, 3]
    assert second.taken == [4, 5]


async def test_undelivered_records_are_delivered_by_the_next_run(tmp_path: Path) -> None:
    away = FarEnd(*[Undelivered("it is away")] * 1000)
    running = Running(tmp_path, away)
    await running.trail.keep({"n": 1})
    await away.until(lambda: away.attempts > 2)
    await running.stop()
    assert away.taken == []
    assert failure(tmp_path) == "it is away"
    back = FarEnd()
    await Running(tmp_path, back).stop()
    assert back.taken == [1, 2, 3, 4, 5]
    assert failure(tmp_path) is None


async def test_a_refused_batch_is_sent_again_before_any_other(tmp_path: Path) -> None:
    far_end = FarEnd(Undelivered("503"), OSError("of another kind"), Undelivered("503"))
    running = Running(tmp_path, far_end)
    await running.trail.keep({"n": 1})
    await far_end.until(lambda: len(far_end.taken) >= 2)
    await running.stop()
    assert far_end.attempts >= 4
    assert far_end.taken == [1, 2, 3]


async def test_a_batch_that_is_too_large_is_halved(tmp_path: Path) -> None:
    away = FarEnd(*[Undelivered("away")] * 1000)
    running = Running(tmp_path, away)
    for n in range(6):
        running.trail.note({"n": n})
    await running.stop()
    far_end = FarEnd(Undelivered("413", too_large=True), Undelivered("413", too_large=True))
    await Running(tmp_path, far_end).stop()
    assert far_end.taken == list(range(1, 11))
    assert len(far_end.batches[0]) < 5


async def test_batches_keep_to_their_bounds(tmp_path: Path) -> None:
    trail = open_trail(tmp_path, file_bytes=1000)
    for n in range(30):
        await trail.keep({"n": n})
    await trail.close()
    follower = TrailFollower(tmp_path)
    after, sizes = 0, []
    while (batch := follower.read(after, 32, 1 << 20, 7)) is not None:
        sizes.append(len(batch.lines))
        after = batch.last.sequence
    assert sizes == [7, 7, 7, 7, 4]
    one = follower.read(3, 32, 1, 7)
    assert one is not None
    assert [link.sequence for link in one.links] == [4]
    assert follower.read(31, 31, 1 << 20, 7) is None


async def test_records_not_known_to_be_written_are_not_read(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.close()
    with (tmp_path / "audit-000000000001.jsonl").open("ab") as file:
        file.write(b'{"half')
    batch = TrailFollower(tmp_path).read(0, 9, 1 << 20, 9)
    assert batch is not None
    assert batch.last.sequence == 2


async def test_records_wait_for_others_but_not_beyond_the_bounds(tmp_path: Path) -> None:
    far_end = FarEnd()
    running = Running(tmp_path, far_end, Pace(3600, 1 << 20, 5))
    await running.trail.keep({"n": 1})
    assert far_end.attempts == 0
    for n in range(2, 5):
        await running.trail.keep({"n": n})
    await far_end.until(lambda: len(far_end.taken) >= 5)
    await running.stop()
    assert far_end.batches == [[1, 2, 3, 4, 5], [6]]


async def test_records_whose_files_are_gone_are_reported(tmp_path: Path) -> None:
    away = FarEnd(*[Undelivered("it is away")] * 100_000)
    running = Running(tmp_path, away, file_bytes=400, files_kept=2)
    for n in range(12):
        await running.trail.keep({"n": n})
    await running.stop()
    far_end = FarEnd()
    running = Running(tmp_path, far_end)
    await far_end.until(lambda: len(far_end.taken) > 0)
    await running.stop()
    [gap] = [each["detail"] for each in records(tmp_path) if each.get("detail-type") == GAP]
    assert gap == {"sink": "test", "firstSequence": 1, "lastSequence": far_end.taken[0] - 1}
    assert far_end.taken[0] > 1
    assert far_end.taken == list(range(far_end.taken[0], far_end.taken[-1] + 1))


async def test_another_trail_is_delivered_from_its_beginning(tmp_path: Path) -> None:
    directory = tmp_path / "audit"
    running = Running(directory, FarEnd())
    await running.trail.keep({"n": 1})
    await running.stop()
    for path in directory.glob("audit-*"):
        path.unlink()
    far_end = FarEnd()
    running = Running(directory, far_end)
    for n in range(5):
        await running.trail.keep({"other": n})
    await running.stop()
    assert far_end.taken == list(range(1, 8))


async def test_a_lost_position_costs_no_record(tmp_path: Path) -> None:
    await Running(tmp_path, FarEnd()).stop()
    position_path(tmp_path, "test").write_bytes(b"{")
    far_end = FarEnd()
    await Running(tmp_path, far_end).stop()
    assert far_end.taken == [1, 2, 3, 4]
