"""What somebody who can write the directory or the store may do to a recording, and what `verify` calls it."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import Event, EventKind, TranscriptPosition, encode_content
from ferryman.recording.reader import FinalBlock, RecordingReader
from ferryman.recording.storage.directory import DirectoryStorage
from tests.unit.recording.recorded import ID, KEY

BLOCKS = 6
OTHER = "admin-0123456789abcdef1"


def written(directory: Path, recording_id: str, key: bytes) -> list[bytes]:
    """Write a recording; return its blocks."""
    storage, sealer = DirectoryStorage(directory), BlockSealer(recording_id, key, os.urandom)
    blocks = []
    for number in range(BLOCKS):
        content = encode_content([Event(number, EventKind.OUTPUT, os.urandom(100))], TranscriptPosition(number))
        blocks.append(sealer.seal(content, number, number))
        storage.append(recording_id, blocks[-1])
        sealer.written()
    storage.release(recording_id)
    return blocks


def changed(block: bytes, at: int) -> bytes:
    return block[:at] + bytes([block[at] ^ 1]) + block[at + 1 :]


Tampering = Callable[[list[bytes], list[bytes]], list[bytes]]
"""From the blocks of a recording and those of another one to what the file is replaced with."""
KINDS: dict[str, tuple[Tampering, str]] = {
    "a content": (lambda own, other: [*own[:2], changed(own[2], -1), *own[3:]], "block 2 was altered"),
    "a time": (lambda own, other: [*own[:2], changed(own[2], 23), *own[3:]], "block 2 was altered"),
    "a magic number": (
        lambda own, other: [*own[:2], b"X" + own[2][1:], *own[3:]],
        "block's header, behind block 1",
    ),
    "a size": (lambda own, other: [*own[:2], changed(own[2], 36), *own[3:]], "block claims an impossible size, behind"),
    "the first block removed": (lambda own, other: own[1:], "block 0 is missing"),
    "a block removed": (lambda own, other: [*own[:2], *own[3:]], "block 2 is missing"),
    "two blocks swapped": (
        lambda own, other: [*own[:2], own[3], own[2], *own[4:]],
        "block 2 is out of place: block 3 is in front of it",
    ),
    "a block repeated": (lambda own, other: [*own[:3], own[2], *own[3:]], "block 2 is repeated in place of block 3"),
    "a block of another recording": (
        lambda own, other: [*own[:2], other[2], *own[3:]],
        "block 2 was altered, or belongs to another recording",
    ),
    "another recording": (lambda own, other: other, "block 0 was altered, or belongs to another recording"),
    "the end removed": (lambda own, other: own[:4], "has 4 blocks and was finished with 6"),
    "everything removed": (lambda own, other: [], "has 0 blocks and was finished with 6"),
    "the end cut": (lambda own, other: [*own[:5], own[5][:90]], "part of a block follows block 4"),
    "a block of another recording added": (
        lambda own, other: [*own, other[0]],
        "block 0 is repeated in place of block 6",
    ),
    "something added": (lambda own, other: [*own, b"x"], "part of a block follows block 5"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tampering_is_named(kind: str, tmp_path: Path) -> None:
    own, other = written(tmp_path, ID, KEY), written(tmp_path, OTHER, bytes(range(32)))
    storage = DirectoryStorage(tmp_path)
    reader = RecordingReader(storage, ID, KEY)
    end = FinalBlock(BLOCKS, hashlib.sha256(own[-1]).digest())
    assert reader.verify(end) is None
    tamper, named = KINDS[kind]
    next(tmp_path.glob(f"*/{ID}*")).write_bytes(b"".join(tamper(own, other)))
    assert named in str(reader.verify(end))


def test_removed_file_is_named(tmp_path: Path) -> None:
    own = written(tmp_path, ID, KEY)
    next(tmp_path.glob(f"*/{ID}*")).unlink()
    reader = RecordingReader(DirectoryStorage(tmp_path), ID, KEY)
    end = FinalBlock(BLOCKS, hashlib.sha256(own[-1]).digest())
    assert "has 0 blocks and was finished with 6" in str(reader.verify(end))


def test_end_of_another_recording_in_the_store_is_named(tmp_path: Path) -> None:
    written(tmp_path, ID, KEY)
    reader = RecordingReader(DirectoryStorage(tmp_path), ID, KEY)
    assert "not the one" in str(reader.verify(FinalBlock(BLOCKS, bytes(32))))


def test_another_key_in_the_store_is_named(tmp_path: Path) -> None:
    written(tmp_path, ID, KEY)
    reader = RecordingReader(DirectoryStorage(tmp_path), ID, bytes(range(32)))
    assert "block 0 was altered" in str(reader.verify(None))
