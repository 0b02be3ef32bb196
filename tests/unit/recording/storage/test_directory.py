"""One writer for each file, and the search for a block by its time."""

import os
import random
from pathlib import Path

import pytest

from ferryman.core.ports.recordings.recorder import Damaged
from ferryman.recording.blocks import BlockFlag, BlockSealer
from ferryman.recording.events import Event, EventKind, TranscriptPosition, encode_content
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.recording.storage.port import RecordingInUse
from tests.unit.recording.recorded import ID, KEY


def write(storage: DirectoryStorage, times: list[int], sizes: list[int]) -> None:
    sealer = BlockSealer(ID, KEY, os.urandom)
    for at, size in zip(times, sizes, strict=True):
        content = encode_content([Event(at, EventKind.OUTPUT, os.urandom(size))], TranscriptPosition())
        storage.append(ID, sealer.seal(content, at, at))
        sealer.written()


def test_recording_has_one_writer(tmp_path: Path) -> None:
    ours, theirs = DirectoryStorage(tmp_path), DirectoryStorage(tmp_path)
    write(ours, [0], [10])
    ours.acquire(ID)
    for attempt in (theirs.acquire, lambda recording_id: theirs.append(recording_id, b"x")):
        with pytest.raises(RecordingInUse, match="another server"):
            attempt(ID)
    ours.release(ID)
    theirs.acquire(ID)
    with pytest.raises(RecordingInUse):
        ours.append(ID, b"x")
    assert RecordingReader(ours, ID, KEY).verify(None, 1) is None


def test_writer_that_dies_lets_go(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    child = os.fork()
    if not child:
        write(storage, [0, 1], [10, 10])
        os._exit(0)
    os.waitpid(child, 0)
    storage.acquire(ID)
    assert len(storage.repair(ID, 0)) == 2
    storage.release(ID)


@pytest.mark.parametrize("size", [10, 3000, 100_000])
def test_block_is_found_by_its_time(tmp_path: Path, size: int) -> None:
    storage = DirectoryStorage(tmp_path)
    chance = random.Random(size)  # noqa: S311 the same sizes in every run
    times = sorted(chance.choices(range(20_000), k=300))
    write(storage, times, [chance.randrange(size) for _ in times])
    blocks = list(storage.index(ID))
    alone = [block for block in blocks if not block.header.flags & BlockFlag.DEPENDENT]
    assert storage.find(ID, None) == alone[-1].offset
    for at in (0, 1, 30_000, *times, *chance.choices(range(20_000), k=100)):
        before = [block.offset for block in alone if block.header.first_at < at]
        assert storage.find(ID, at) == (before[-1] if before else 0)


@pytest.mark.parametrize("tail", [b"", b"FRB1", b"FRB1" * 40_000, bytes(3_000_000)])
def test_search_ends_in_a_file_that_was_altered(tmp_path: Path, tail: bytes) -> None:
    storage = DirectoryStorage(tmp_path)
    write(storage, list(range(100)), [2000] * 100)
    (path,) = tmp_path.glob("*/*")
    content = path.read_bytes()
    path.write_bytes(content[:50_000] + tail + content[60_000:] + tail)
    for at in (0, 50, None):
        assert 0 <= storage.find(ID, at) < path.stat().st_size
    with pytest.raises(Damaged):
        list(RecordingReader(storage, ID, KEY).events())


def test_recording_that_does_not_exist_has_no_blocks(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    assert storage.find(ID, 5) == 0
    assert list(storage.index(ID)) == []
