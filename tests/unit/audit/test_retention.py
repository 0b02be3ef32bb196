"""Which files of the trail are deleted, what is recorded of it first, and how a removal by somebody else shows."""

import errno
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit import retention as trail_retention
from ferryman.audit import writer as trail_module
from ferryman.audit.files import RESERVE_BYTES, TrailFiles, trail_files
from ferryman.audit.reader import last_link_in
from ferryman.audit.retention import Reason, Retention
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import ChainLink, link_of
from ferryman.core.audit.extent import BEGUN, DELETED, MISSING
from tests.unit.audit.trails import open_trail, problems, records

FILE_BYTES = 2000


@dataclass
class Follower:
    delivered: int
    name: str = "webhook"


async def write(directory: Path, count: int, retention: Retention, file_bytes: int = FILE_BYTES) -> None:
    """Write `count` records with a server of their own."""
    trail = open_trail(directory, file_bytes=file_bytes, retention=retention)
    for n in range(count):
        await trail.keep({"n": n, "filling": "x" * 100})
    await trail.close()


def details(directory: Path, kind: str) -> list[dict[str, Any]]:
    return [each["detail"] for each in records(directory) if each.get("detail-type") == kind]


def last_number(line: bytes) -> int:
    link = link_of(line)
    assert link is not None
    return link.sequence


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at every write, not once a minute."""
    monkeypatch.setattr(trail_module, "LOOK_SECONDS", 0.0)


async def test_a_deletion_names_the_deleted_records(tmp_path: Path) -> None:
    directory, copies = tmp_path / "audit", tmp_path / "copies"
    await write(directory, 30, Retention(100))
    shutil.copytree(directory, copies)
    await write(directory, 10, Retention(3))
    gone = [path for path in trail_files(copies) if not (directory / path.name).exists()]
    told = [each for deletion in details(directory, DELETED) for each in deletion["deleted"]]
    assert len(gone) >= 2
    for path, each in zip(gone, told, strict=False):
        last = last_link_in(path)
        assert last is not None
        first = int(path.stem.removeprefix("audit-"))
        assert each == {
            "file": path.name,
            "firstSequence": first,
            "lastSequence": last.sequence,
            "mac": last.mac,
            "bytes": path.stat().st_size,
            "reason": Reason.FILES,
        }
    assert problems(directory) == []


async def test_every_file_begins_with_where_the_trail_begins(tmp_path: Path) -> None:
    await write(tmp_path, 60, Retention(4))
    for path in trail_files(tmp_path):
        first = next(each for each in records(tmp_path) if each["chain"]["sequence"] == int(path.stem[6:]))
        assert first["detail-type"] in (BEGUN, DELETED)
    assert problems(tmp_path) == []


async def test_a_file_removed_by_hand_shows_after_the_server_deleted_the_next(tmp_path: Path) -> None:
    await write(tmp_path, 40, Retention(100))
    removed = trail_files(tmp_path)[0]
    last = last_link_in(removed)
    assert last is not None
    removed.unlink()
    assert "are missing" in problems(tmp_path)[0].what
    await write(tmp_path, 10, Retention(6))
    assert details(tmp_path, DELETED) != []
    assert [each.what for each in problems(tmp_path)] == [
        f"the server found records 1 to {last.sequence} removed by someone else"
    ]


async def test_a_file_removed_by_hand_while_the_server_runs_shows(tmp_path: Path) -> None:
    trail = open_trail(tmp_path, file_bytes=FILE_BYTES, retention=Retention(4))
    for n in range(50):
        if n == 25:
            trail_files(tmp_path)[0].unlink()
        await trail.keep({"n": n, "filling": "x" * 100})
    await trail.close()
    assert any("removed by someone else" in each.what for each in problems(tmp_path))


async def test_a_file_removed_behind_the_oldest_does_not_pass_for_deleted(tmp_path: Path) -> None:
    await write(tmp_path, 40, Retention(100))
    trail_files(tmp_path)[1].unlink()
    oldest = trail_files(tmp_path)[0]
    last = last_link_in(oldest)
    await write(tmp_path, 1, Retention(len(trail_files(tmp_path)) - 1), file_bytes=1)
    assert not oldest.exists()
    deleted = [each for deletion in details(tmp_path, DELETED) for each in deletion["deleted"]]
    assert last is not None
    assert deleted[0]["lastSequence"] == last.sequence
    assert problems(tmp_path) != []


async def test_a_file_that_a_sink_has_not_delivered_stays(tmp_path: Path) -> None:
    sink = Follower(0)
    await write(tmp_path, 60, Retention(3, followers=[sink]))
    assert details(tmp_path, DELETED) == []
    count = len(trail_files(tmp_path))
    assert count > 5
    second = trail_files(tmp_path)[2]
    sink.delivered = int(second.stem[6:]) - 1  # the first two files
    await write(tmp_path, 0, Retention(3, followers=[sink]), file_bytes=1)
    assert trail_files(tmp_path)[0] == second
    sink.delivered = 10_000
    await write(tmp_path, 0, Retention(3, followers=[sink]), file_bytes=1)
    assert len(trail_files(tmp_path)) < count - 2
    assert problems(tmp_path) == []


async def test_a_full_disk_deletes_undelivered_records_and_reports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looking: None
) -> None:
    monkeypatch.setattr(trail_retention, "LEAST_KEPT_BYTES", 3 * FILE_BYTES)
    free = [1 << 30]
    retention = Retention(1000, 0, 1 << 20, [Follower(3)], lambda _: free[0])
    await write(tmp_path, 80, retention)
    assert details(tmp_path, DELETED) == []
    before = trail_files(tmp_path)
    free[0] = (1 << 20) - 1  # a byte too little: one file is enough
    trail = open_trail(tmp_path, file_bytes=FILE_BYTES, retention=retention)
    await trail.keep({"n": 1})
    free[0] = 1 << 30
    await trail.close()
    assert trail_files(tmp_path)[0] == before[1]
    [deletion] = details(tmp_path, DELETED)
    assert deletion["undelivered"] == {"webhook": 3}
    assert deletion["deleted"][0]["reason"] == Reason.DISK
    free[0] = 0
    await write(tmp_path, 40, retention)
    kept = sum(path.stat().st_size for path in trail_files(tmp_path))
    assert 3 * FILE_BYTES <= kept < 6 * FILE_BYTES  # nobody who fills the disk gets rid of these
    assert problems(tmp_path) == []


async def test_a_disk_without_a_byte_left_frees_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looking: None
) -> None:
    monkeypatch.setattr(trail_retention, "LEAST_KEPT_BYTES", 3 * FILE_BYTES)
    monkeypatch.setattr(trail_module, "RETRY_SECONDS", 0.01)
    capacity = [1 << 30]

    def free(directory: Path) -> int:
        return capacity[0] - sum(path.stat().st_size for path in directory.iterdir())

    write_some = os.write

    def full(descriptor: int, content: bytes) -> int:
        if free(tmp_path) < len(content):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_some(descriptor, content)

    copied: list[bytes] = []
    monkeypatch.setattr(os, "write", full)
    retention = Retention(1000, 0, FILE_BYTES, free=free)
    trail = open_trail(tmp_path, file_bytes=FILE_BYTES, retention=retention, copies=[copied.extend])
    for n in range(40):
        await trail.keep({"n": n, "filling": "x" * 100})
    assert details(tmp_path, DELETED) == []
    capacity[0] -= free(tmp_path)  # something else takes all there is
    await trail.keep({"n": 40})
    await trail.close()
    assert (tmp_path / "reserve").stat().st_size == RESERVE_BYTES
    assert details(tmp_path, DELETED)[0]["deleted"][0]["reason"] == Reason.DISK
    assert [each["n"] for each in records(tmp_path) if "n" in each][-1] == 40
    assert [last_number(line) for line in copied] == list(range(1, len(copied) + 1))
    assert problems(tmp_path) == []


async def test_files_older_than_their_days_go(tmp_path: Path, looking: None) -> None:
    now = [0.0]
    retention = Retention(1000, 30, now=lambda: now[0])
    await write(tmp_path, 40, retention)
    files = trail_files(tmp_path)
    for number, path in enumerate(files):
        os.utime(path, (0, number * 86400))
    now[0] = 31.5 * 86400
    await write(tmp_path, 0, retention)
    assert trail_files(tmp_path)[0] == files[2]
    assert {each["reason"] for each in details(tmp_path, DELETED)[0]["deleted"]} == {Reason.DAYS}
    assert problems(tmp_path) == []


async def test_the_record_is_on_disk_before_the_file_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    acts: list[str] = []
    fsync, unlink = os.fsync, Path.unlink

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        content = Path(f"/proc/self/fd/{descriptor}")
        acts.append("record synced" if content.is_file() and DELETED.encode() in content.read_bytes() else "synced")

    def unlinked(path: Path, *, missing_ok: bool = False) -> None:
        acts.append("unlinked")
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "unlink", unlinked)
    await write(tmp_path, 40, Retention(3))
    assert acts.count("unlinked") >= 2
    for at, act in enumerate(acts):
        assert act != "unlinked" or acts[at - 1] in ("record synced", "unlinked")
    assert "record synced" in acts


@pytest.mark.parametrize("fails", ["a crash", "an error"])
async def test_files_that_a_crash_left_undeleted_are_deleted_without_another_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    await write(tmp_path, 40, Retention(100))
    files = trail_files(tmp_path)

    def stopped(_: TrailFiles, paths: list[Path]) -> None:
        raise OSError("no more")

    with monkeypatch.context() as patched:
        patched.setattr(TrailFiles, "delete", stopped)
        trail = open_trail(tmp_path, file_bytes=1, retention=Retention(len(files) - 2))
        await trail.keep({"n": 1})
        if fails == "a crash":
            await trail.close()
    told = details(tmp_path, DELETED)
    assert len(told) >= 1
    assert trail_files(tmp_path)[0] == files[0]
    assert problems(tmp_path) == []
    if fails == "a crash":
        trail = open_trail(tmp_path, file_bytes=1 << 20)
    await trail.keep({"n": 2})
    assert not any((tmp_path / name).exists() for each in told for name in each["files"])
    await trail.close()
    assert [each["n"] for each in records(tmp_path) if "n" in each][-2:] == [1, 2]
    assert problems(tmp_path) == []


async def test_the_trail_of_an_older_server_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # It said neither where the trail begins nor which records went, only the last of them.
    with monkeypatch.context() as patched:
        patched.setattr(TrailWriter, "_housekeeping", lambda _: ([], [], None))
        await write(tmp_path, 30, Retention(100))
        last = last_link_in(trail_files(tmp_path)[0])
        assert last is not None
        trail = open_trail(tmp_path, file_bytes=FILE_BYTES)
        detail = {"files": [trail_files(tmp_path)[0].name], "lastSequence": last.sequence}
        await trail.keep({"detail-type": DELETED, "detail": detail})
        await trail.close()
    trail_files(tmp_path)[0].unlink()
    assert problems(tmp_path) == []
    await write(tmp_path, 30, Retention(4))
    assert details(tmp_path, MISSING) == []
    assert problems(tmp_path) == []


async def test_a_restored_file_is_not_deleted_again(tmp_path: Path) -> None:
    directory, copies = tmp_path / "audit", tmp_path / "copies"
    await write(directory, 30, Retention(100))
    shutil.copytree(directory, copies)
    await write(directory, 60, Retention(3))
    restored = trail_files(copies)[0]
    shutil.copy(restored, directory)
    await write(directory, 1, Retention(3))
    assert (directory / restored.name).exists()


def test_the_last_record_of_a_file_without_one(tmp_path: Path) -> None:
    path = tmp_path / "audit-000000000001.jsonl"
    path.write_bytes(b"nothing\n")
    assert last_link_in(path) is None
    assert ChainLink().sequence == 0
