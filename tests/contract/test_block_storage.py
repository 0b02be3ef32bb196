"""What every storage of recordings' blocks must do: a directory, and S3 by Moto and by SeaweedFS."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ferryman.recording.aws_clients import AwsAccess
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import Event, EventKind, TranscriptPosition, encode_content
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage import s3, s3_objects
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.recording.storage.port import BlockStorage, StoredBlock
from ferryman.recording.storage.s3 import S3Storage
from tests.aws_stand_ins import KEY_ID, REGION, SECRET, create_bucket, moto, seaweedfs, shared_client

ID, OTHER = "alice-0123456789abcdef0", "bob-0123456789abcdef1"
KEY = bytes(32)
Open = Callable[[], BlockStorage]
"""Opens the storage as another process would."""


@pytest.fixture(scope="module", params=["directory", "moto", "seaweedfs"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str | None]:
    """The URL of an S3 service with a bucket, None for a directory."""
    if request.param == "directory":
        yield None
        return
    with moto() if request.param == "moto" else seaweedfs(tmp_path_factory.mktemp("weed")) as server:
        create_bucket(server, "recordings")
        yield server.url


@pytest.fixture
def opened(place: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setattr(s3, "aws_client", shared_client)
    made: list[S3Storage] = []

    def open_storage() -> BlockStorage:
        if place is None:
            return DirectoryStorage(tmp_path)
        made.append(S3Storage(AwsAccess(REGION, place), "recordings", f"{tmp_path.name}/"))
        return made[-1]

    yield open_storage
    for each in made:
        each.close()


def write(storage: BlockStorage, count: int, recording_id: str = ID, size: int = 10) -> list[bytes]:
    """Append so many blocks behind those there are; return all."""
    append(storage, count, recording_id, size)
    return [storage.read(recording_id, block) for block in storage.index(recording_id)]


def append(storage: BlockStorage, count: int, recording_id: str, size: int) -> None:
    """Append so many blocks behind those there are."""
    storage.acquire(recording_id)
    tail = RecordingReader(storage, recording_id, KEY).resume()
    sealer = BlockSealer(recording_id, KEY, os.urandom, number=tail.blocks, head=tail.head)
    for at in range(tail.blocks, tail.blocks + count):
        block = sealer.seal(
            encode_content([Event(at, EventKind.OUTPUT, os.urandom(size))], TranscriptPosition(at)), at, at
        )
        storage.append(recording_id, block)
        sealer.written()
    storage.release(recording_id)


def numbers(blocks: "Iterator[StoredBlock] | list[StoredBlock]") -> list[int]:
    return [block.header.number for block in blocks]


def test_probe_succeeds_and_leaves_no_recording(opened: Open) -> None:
    storage = opened()
    storage.probe()
    assert list(storage.index(ID)) == []


def test_blocks_come_back_in_order_from_any_of_them_on(opened: Open) -> None:
    storage = opened()
    blocks = write(storage, 5)
    index = list(storage.index(ID))
    assert numbers(index) == [0, 1, 2, 3, 4]
    assert [block.offset for block in index] == [sum(map(len, blocks[:number])) for number in range(5)]
    for block in index:
        assert numbers(storage.index(ID, block.offset)) == list(range(block.header.number, 5))
        assert opened().read(ID, block) == blocks[block.header.number]
    assert RecordingReader(opened(), ID, KEY).verify(None, 5) is None


def test_recordings_are_apart(opened: Open) -> None:
    storage = opened()
    write(storage, 2)
    write(storage, 3, OTHER)
    storage.delete(ID)
    assert list(storage.index(ID)) == []
    assert numbers(storage.index(OTHER)) == [0, 1, 2]


def test_recording_that_does_not_exist_is_empty(opened: Open) -> None:
    storage = opened()
    assert list(storage.index(ID)) == []
    assert storage.find(ID, None) == storage.find(ID, 5) == storage.size(ID) == 0
    storage.delete(ID)


def test_block_is_found_by_its_time(opened: Open) -> None:
    storage = opened()
    append(storage, 80, ID, 3000)
    for is_complete in (False, True):
        if is_complete:
            storage.complete(ID)
        blocks = list(storage.index(ID))
        alone = [block for block in blocks if not block.header.flags]
        assert len(alone) > 1
        assert storage.size(ID) == sum(block.header.size for block in blocks)
        assert storage.find(ID, None) == alone[-1].offset
        for at in (1, 40, 63, 64, 65, 79, 1000):
            assert storage.find(ID, at) == [block.offset for block in alone if block.header.first_at < at][-1]


def test_another_process_continues_and_finishes(opened: Open) -> None:
    write(opened(), 3)
    write(opened(), 2)
    finisher = opened()
    blocks = [finisher.read(ID, block) for block in finisher.index(ID)]
    finisher.complete(ID)
    storage = opened()
    assert [storage.read(ID, block) for block in storage.index(ID)] == blocks
    assert RecordingReader(storage, ID, KEY).verify(None, 5) is None


def test_recording_is_completed_twice_by_two_processes(opened: Open) -> None:
    write(opened(), 3)
    opened().complete(ID)
    opened().complete(ID)
    assert RecordingReader(opened(), ID, KEY).verify(None, 3) is None


def test_reader_does_not_notice_that_a_recording_is_completed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_objects, "GROUP_OBJECTS", 4)
    storage = opened()
    blocks = write(storage, 12)
    reading = opened()
    index = reading.index(ID)
    before = [next(index) for _ in range(3)]
    storage.complete(ID)
    assert numbers(before + list(index)) == list(range(12))
    assert [reading.read(ID, block) for block in before] == blocks[:3]
    assert opened().read(ID, before[2]) == blocks[2]


def test_large_recording_is_whole_after_it_was_completed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PART_BYTES", 5 * 1024 * 1024)  # S3's least
    storage = opened()
    blocks = write(storage, 7, size=1_000_000)
    storage.complete(ID)
    reading = opened()
    index = list(reading.index(ID))
    assert [reading.read(ID, block) for block in index] == blocks
    assert numbers(reading.index(ID, index[5].offset)) == [5, 6]
    reading.delete(ID)
    assert list(opened().index(ID)) == []


def test_follower_gets_blocks_as_they_are_written(opened: Open) -> None:
    storage = opened()
    following = RecordingReader(opened(), ID, KEY).follow()
    assert next(following) is None
    for number in range(3):
        write(storage, 1)
        found = next(following)
        assert found is not None
        assert found[0].number == number
        assert next(following) is None
    storage.complete(ID)
    assert next(following) is None
