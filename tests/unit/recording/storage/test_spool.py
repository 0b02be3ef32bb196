"""The directory of logs that wait to be delivered is full like a disk, and one session cannot fill it."""

import errno
from pathlib import Path

import pytest

from ferryman.recording.storage.spool import SHARES, SpoolStorage

SHARE = 64 * 1024
BLOCK = b"x" * (SHARE // 4)


def fill(storage: SpoolStorage, recording_id: str) -> None:
    for _ in range(4):
        storage.append(recording_id, BLOCK)


def test_one_session_uses_its_share_at_most(tmp_path: Path) -> None:
    storage = SpoolStorage(tmp_path, SHARES * SHARE)
    fill(storage, "alice-1")
    with pytest.raises(OSError, match="this session's log") as failure:
        storage.append("alice-1", b"x")
    assert failure.value.errno == errno.ENOSPC
    assert storage.used == SHARE
    fill(storage, "bob-1")
    storage.delete("alice-1")
    fill(storage, "alice-1")


def test_all_sessions_together_use_no_more_than_there_is(tmp_path: Path) -> None:
    storage = SpoolStorage(tmp_path, SHARES * SHARE)
    for number in range(SHARES):
        fill(storage, f"session-{number}")
    with pytest.raises(OSError, match="session logs wait") as failure:
        storage.append("one-more", b"x")
    assert failure.value.errno == errno.ENOSPC
    storage.delete("session-3")
    storage.append("one-more", b"x")
