"""The directory of logs that wait to be delivered is full like a disk, and neither one session nor many can fill it."""

import errno
from pathlib import Path

import pytest

from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.recording.storage.spool import SHARES, SpoolStorage

SHARE = 64 * 1024
BLOCK = b"x" * (SHARE // 64)


def append_forever(storage: SpoolStorage, recording_id: str) -> None:
    while True:
        storage.append(recording_id, BLOCK)


def fill(storage: SpoolStorage, recording_id: str) -> int:
    """Write as much as is allowed; return how much it was."""
    before = storage.used
    with pytest.raises(OSError, match="this session's log") as failure:
        append_forever(storage, recording_id)
    assert failure.value.errno == errno.ENOSPC
    return storage.used - before


def test_one_session_uses_its_share_at_most(tmp_path: Path) -> None:
    storage = SpoolStorage(tmp_path, SHARES * SHARE)
    assert fill(storage, "alice-1") == SHARE
    assert fill(storage, "alice-1") == 0
    storage.delete("alice-1")
    assert storage.used == 0
    assert fill(storage, "alice-2") == SHARE


def test_many_sessions_leave_room_for_one_more(tmp_path: Path) -> None:
    """One person may have many."""
    most = SHARES * SHARE
    storage = SpoolStorage(tmp_path, most)
    for number in range(20):
        fill(storage, f"mallory-{number}")
    assert most // 16 < most - storage.used < most // 7
    storage.append("alice-1", b"x" * (most // 16 // SHARES))
    assert SpoolStorage(tmp_path, most).used == storage.used
    with pytest.raises(OSError, match="this session's log"):
        SpoolStorage(tmp_path, storage.used // 2).append("alice-2", b"x")


def test_block_that_could_not_be_written_uses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    storage = SpoolStorage(tmp_path, SHARES * SHARE)
    monkeypatch.setattr(DirectoryStorage, "append", fail)
    with pytest.raises(OSError, match="Input/output"):
        storage.append("alice-1", BLOCK)
    assert storage.used == 0
