"""Reading a recording page by page, from files that somebody else may have altered or replaced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.core.ports.recordings.recorder import BlockPosition, Damaged
from ferryman.recording.blocks import DEPENDENT_BLOCKS, BlockSealer
from ferryman.recording.events import Event, EventKind, TranscriptPosition, encode_content
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.recording.storage.port import StoredBlock
from tests.unit.recording.recorded import ID, KEY

BLOCKS = 3 * DEPENDENT_BLOCKS + 5


class CountingStorage(DirectoryStorage):
    """A directory that counts the headers and blocks that are read."""

    headers = 0
    reads = 0

    def index(self, recording_id: str, offset: int = 0) -> Iterator[StoredBlock]:
        for block in super().index(recording_id, offset):
            self.headers += 1
            yield block

    def read(self, recording_id: str, block: StoredBlock) -> bytes:
        self.reads += 1
        return super().read(recording_id, block)


@pytest.fixture
def storage(tmp_path: Path) -> CountingStorage:
    """A recording of many blocks, one second and one event each."""
    storage = CountingStorage(tmp_path)
    sealer = BlockSealer(ID, KEY, os.urandom)
    for number in range(BLOCKS):
        at = number * 1000
        content = encode_content([Event(at, EventKind.OUTPUT, b"line %d" % number)], TranscriptPosition())
        storage.append(ID, sealer.seal(content, at, at))
        sealer.written()
    storage.release(ID)
    return storage


def shown(storage: DirectoryStorage, after: BlockPosition | None = None, start_at: int = 0) -> list[bytes]:
    reader = RecordingReader(storage, ID, KEY)
    return [event.data for _, events in reader.blocks(after, start_at) for event in events]


def test_reading_continues_behind_any_block(storage: CountingStorage) -> None:
    everything = shown(storage)
    assert len(everything) == BLOCKS
    for position, _ in list(RecordingReader(storage, ID, KEY).blocks()):
        assert shown(storage, position) == everything[position.number + 1 :]


def test_next_page_reads_no_more_than_the_blocks_it_depends_on(storage: CountingStorage) -> None:
    positions = [position for position, _ in RecordingReader(storage, ID, KEY).blocks()]
    storage.headers = storage.reads = 0
    next(RecordingReader(storage, ID, KEY).blocks(positions[-10]))
    assert storage.headers <= DEPENDENT_BLOCKS + 1
    assert storage.reads <= DEPENDENT_BLOCKS + 1


@pytest.mark.parametrize("block", [0, 1, DEPENDENT_BLOCKS, BLOCKS - 1])
def test_reading_begins_where_it_is_asked_to(storage: CountingStorage, block: int) -> None:
    everything = shown(storage)
    assert shown(storage, start_at=block * 1000) == everything[block:]
    assert shown(storage, start_at=BLOCKS * 1000) == []


def test_missing_beginning_is_noticed(storage: CountingStorage) -> None:
    (path,) = storage.directory.glob("*/*")
    second = list(storage.index(ID))[DEPENDENT_BLOCKS]
    path.write_bytes(path.read_bytes()[second.offset :])
    with pytest.raises(Damaged, match="block 0 is missing"):
        shown(storage)


def test_link_in_a_recordings_place_is_neither_followed_nor_cut(storage: CountingStorage, tmp_path: Path) -> None:
    (path,) = storage.directory.glob("*/*")
    path.unlink()
    key = tmp_path / "server.key"
    key.write_bytes(b"a small file of the server")
    path.symlink_to(key)
    for use in (
        lambda: storage.acquire(ID),
        lambda: storage.append(ID, b"x"),
        lambda: storage.complete(ID),
        lambda: shown(storage),
    ):
        with pytest.raises(OSError, match=r"symbolic link|symlink"):
            use()
    assert key.read_bytes() == b"a small file of the server"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_in_a_recordings_place_keeps_nobody_waiting(storage: CountingStorage) -> None:
    (path,) = storage.directory.glob("*/*")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a file"):
        shown(storage)
    with pytest.raises(OSError, match=r"not a file|No such device"):
        storage.append(ID, b"x")
