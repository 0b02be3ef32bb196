"""Session records and their locks."""

import os
from pathlib import Path

import msgspec
import pytest

from ferryman.agent.records import SUCCESS, RecordLocked, SessionRecord, SessionRecords, new_result


@pytest.fixture
def records(tmp_path: Path) -> SessionRecords:
    return SessionRecords(tmp_path)


def test_what_is_written_is_read(records: SessionRecords) -> None:
    record = SessionRecord("alice@x-1", "mi-1", 12.5, pid=7)
    records.write(record)
    assert records.read("alice@x-1") == record
    ended = msgspec.structs.replace(record, result=new_result(SUCCESS, "text"))
    records.write(ended)
    assert list(records.all()) == [ended]
    records.remove("alice@x-1")
    records.remove("alice@x-1")
    assert records.read("alice@x-1") is None
    assert list(records.all()) == []


def test_a_lock_is_one_holders_until_all_its_copies_are_closed(records: SessionRecords) -> None:
    held = records.lock("a")
    copy = os.dup(held)
    os.close(held)
    with pytest.raises(RecordLocked):
        records.lock("a")
    os.close(copy)
    os.close(records.lock("a"))


@pytest.mark.parametrize("session_id", ["../../x", "..", ".hidden", "a/b", "a\0b", "", "x" * 96])
def test_no_session_id_leaves_the_directory(tmp_path: Path, session_id: str) -> None:
    directory = tmp_path / "sessions"
    directory.mkdir()
    records = SessionRecords(directory)
    records.write(SessionRecord(session_id, "mi-1", 0.0))
    assert [path.parent for path in tmp_path.rglob("*.json")] == [directory]
    assert [record.session_id for record in records.all()] == [session_id]


def test_an_unreadable_record_is_ignored(records: SessionRecords, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"session_id": 5}')
    assert records.read("a") is None
    assert list(records.all()) == []


def test_records_are_the_agents_own(records: SessionRecords, tmp_path: Path) -> None:
    records.write(SessionRecord("a", "mi-1", 0.0))
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600
