"""The trail on disk: its order, its files, what becomes of it when they cannot be written, and how it is taken up."""

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from ferryman.audit import writer as trail_module
from ferryman.audit.files import TrailFiles, TrailInUse, trail_files
from ferryman.audit.writer import CLOSED, GAP, TrailWriter
from ferryman.core.audit.chain import BrokenChain
from ferryman.core.audit.extent import MISSING, OPENED
from ferryman.core.ports.audit import Unrecorded
from tests.unit.audit.trails import KEY, describe, names, open_trail, problems, records


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes, as on a full disk. Python ignores SIGXFSZ: EFBIG it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_entries_are_kept_in_order_and_chained(tmp_path: Path) -> None:
    trail = open_trail(tmp_path / "audit")
    trail.note({"n": 1})
    assert trail.waiting == 2
    await trail.keep({"n": 2})
    assert trail.waiting == 0
    assert names(tmp_path / "audit") == [OPENED, 1, 2]
    trail.note({"n": 3})
    await trail.close()
    assert names(tmp_path / "audit") == [OPENED, 1, 2, 3, CLOSED]
    assert [each["chain"]["sequence"] for each in records(tmp_path / "audit")] == [1, 2, 3, 4, 5]
    assert problems(tmp_path / "audit", 5) == []


async def test_only_the_owner_reads_the_files(tmp_path: Path) -> None:
    trail = open_trail(tmp_path / "audit")
    await trail.close()
    assert (tmp_path / "audit").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "audit").iterdir()] == [0o600] * 3


async def test_a_restart_continues_the_chain(tmp_path: Path) -> None:
    for n in range(3):
        trail = open_trail(tmp_path)
        await trail.keep({"n": n})
        await trail.close()
    assert names(tmp_path) == [OPENED, 0, CLOSED, OPENED, 1, CLOSED, OPENED, 2, CLOSED]
    assert problems(tmp_path, 9) == []
    assert len(trail_files(tmp_path)) == 1


async def test_an_incomplete_last_line_is_cut_off_and_reported(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.close()
    with trail_files(tmp_path)[0].open("ab") as file:
        file.write(b'{"half')
    assert "incomplete" in problems(tmp_path)[0].what
    trail = open_trail(tmp_path)
    await trail.close()
    assert records(tmp_path)[2]["detail"] == {"firstSequence": 1, "lastSequence": 2, "tornBytes": 6}
    assert problems(tmp_path, 4) == []


async def test_a_trail_that_was_altered_is_not_continued(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.close()
    path = trail_files(tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(CLOSED.encode(), b"AuditTrailClosez"))
    files = TrailFiles(tmp_path, 1 << 20)
    with pytest.raises(BrokenChain, match="altered"):
        TrailWriter(files, KEY, describe)
    files.close()


async def test_one_process_writes_a_trail(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    with pytest.raises(TrailInUse):
        TrailFiles(tmp_path, 1 << 20)
    await trail.close()
    TrailFiles(tmp_path, 1 << 20).close()


async def test_the_chain_continues_across_files_and_the_oldest_are_deleted(tmp_path: Path) -> None:
    trail = open_trail(tmp_path, file_bytes=2000, files_kept=3)
    for n in range(60):
        await trail.keep({"n": n, "filling": "x" * 100})
    await trail.close()
    files = trail_files(tmp_path)
    assert len(files) == 3
    assert files[0].name != "audit-000000000001.jsonl"
    assert problems(tmp_path) == []
    files[0].unlink()  # which the server did not say
    assert "are missing" in problems(tmp_path)[0].what


async def test_a_file_taken_from_the_middle_shows(tmp_path: Path) -> None:
    trail = open_trail(tmp_path, file_bytes=2000)
    for n in range(40):
        await trail.keep({"n": n, "filling": "x" * 100})
    await trail.close()
    trail_files(tmp_path)[1].unlink()
    assert [each.where for each in problems(tmp_path)] == [trail_files(tmp_path)[1].name]


async def test_a_trail_cut_at_its_end_is_detected_if_its_length_is_known(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 1})
    await trail.close()
    path = trail_files(tmp_path)[0]
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    assert problems(tmp_path) == []
    assert problems(tmp_path, 3)[0].what == "the trail ends with record 2, it had reached 3"


async def test_records_that_cannot_be_written_are_refused_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_module, "RETRY_SECONDS", 0.01)
    trail = open_trail(tmp_path)
    await trail.keep({"n": 1})
    with files_at_most(trail_files(tmp_path)[0].stat().st_size + 10):
        with pytest.raises(Unrecorded):
            await trail.keep({"n": 2})
        assert trail.failure is not None
        trail.note({"n": 3})
    await trail.keep({"n": 4})
    assert trail.failure is None
    await trail.close()
    assert names(tmp_path) == [OPENED, 1, 2, 3, 4, CLOSED]
    assert records(tmp_path)[2]["additionalEventData"] == {"answeredWith": "ServiceUnavailable"}
    assert problems(tmp_path, 6) == []


async def test_too_much_to_remember_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail_module, "MOST_WAITING", 3)
    trail = open_trail(tmp_path)
    for n in range(5):  # with what the trail said when it was opened
        trail.note({"n": n})
    with pytest.raises(Unrecorded, match="too many"):
        await trail.keep({"n": 5})
    await asyncio.sleep(0)
    trail._write()
    await trail._idle.wait()
    await trail.close()
    assert names(tmp_path) == [OPENED, 0, 1, GAP, CLOSED]
    assert records(tmp_path)[3]["detail"] == {"lost": 4}


async def test_copies_get_the_lines_as_they_are(tmp_path: Path) -> None:
    copied: list[bytes] = []
    trail = open_trail(tmp_path, copies=[copied.extend], sync_always=True)
    await trail.keep({"n": 1})
    await trail.close()
    content = trail_files(tmp_path)[0].read_bytes()
    assert content.startswith(b"".join(copied))
    assert msgspec.json.decode(copied[1])["n"] == 1


async def test_a_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "audit").write_bytes(b"")
    with pytest.raises(OSError, match="File exists"):
        TrailFiles(tmp_path / "audit", 1)


async def test_a_removed_file_is_noticed(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 1})
    trail_files(tmp_path)[0].unlink()
    with pytest.raises(Unrecorded, match="was removed"):
        await trail.keep({"n": 2})
    await trail.keep({"n": 3})
    await trail.close()
    assert names(tmp_path) == [MISSING, 2, 3, CLOSED]
    assert [each.what for each in problems(tmp_path)] == ["the server found records 1 to 2 removed by someone else"]


async def test_a_quick_disk_is_written_by_the_loop_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 0})  # the thread opens the file
    handed: list[object] = []
    monkeypatch.setattr(trail, "_write", lambda: handed.append(1))
    trail.note({"n": 1})
    await trail.keep({"n": 2})
    assert handed == []
    assert names(tmp_path) == [OPENED, 0, 1, 2]
    monkeypatch.undo()
    await trail.close()
    assert problems(tmp_path, 5) == []


async def test_a_slow_disk_holds_up_the_thread_and_not_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail_module, "QUICK_SECONDS", -1.0)
    monkeypatch.setattr(trail_module, "PATIENCE", 1e9)
    trail = open_trail(tmp_path)
    await trail.keep({"n": 0})
    here: list[object] = []
    write_here = trail._write_here

    def counted() -> None:
        here.append(1)
        write_here()

    monkeypatch.setattr(trail, "_write_here", counted)
    for n in range(1, 4):
        await trail.keep({"n": n})
    assert len(here) == 1
    await trail.close()
    assert names(tmp_path) == [OPENED, 0, 1, 2, 3, CLOSED]


async def test_a_write_by_the_loop_that_fails_is_refused_and_made_up_for(tmp_path: Path) -> None:
    trail = open_trail(tmp_path)
    await trail.keep({"n": 0})
    with files_at_most(trail_files(tmp_path)[0].stat().st_size + 100), pytest.raises(Unrecorded):
        await trail.keep({"n": 1})
    assert trail.failure is not None
    trail._write()
    await trail._idle.wait()
    await trail.close()
    assert names(tmp_path) == [OPENED, 0, 1, CLOSED]
    assert problems(tmp_path, 4) == []
