"""The tap of one session, over a real directory: what it writes, and what it does when it cannot."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman.core.ports.recordings.recorder import Unrecordable
from ferryman.recording.block_content import BLOCK_BYTES
from ferryman.recording.reader import RecordingReader
from ferryman.recording.session import recorder as session_recorder
from ferryman.recording.session.recorder import MOST_WAITING
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.recording.storage.port import RecordingInUse
from ferryman.wire.agent_message import MessageType, PayloadType, frame
from tests.unit.recording.recorded import ID, KEY, events, message, recorder, shown
from tests.waiting import PATIENCE


def typed(number: int, payload_type: int, payload: bytes) -> bytes:
    return frame(MessageType.INPUT_STREAM_DATA, number, 0, bytes(16), 1, payload_type, payload)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.02)


class FullDisk(DirectoryStorage):
    """A directory whose disk is full as long as `is_full`."""

    is_full = False

    def append(self, recording_id: str, block: bytes) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().append(recording_id, block)


class HangingDisk(DirectoryStorage):
    """A directory whose disk answers no write until `answers` is set."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.answers = threading.Event()

    def append(self, recording_id: str, block: bytes) -> None:
        assert self.answers.wait(PATIENCE)
        super().append(recording_id, block)


def markers(storage: DirectoryStorage) -> list[str]:
    return [event.data.decode() for event in events(storage) if event.kind == "m"]


async def test_events_are_written_in_order(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    async with recorder(storage) as tap:
        tap.client_attached("c-1")
        tap.input(
            0, frame(MessageType.INPUT_STREAM_DATA, 0, 0, bytes(16), 1, PayloadType.SIZE, b'{"cols":80,"rows":24}')
        )
        tap.input(1, frame(MessageType.INPUT_STREAM_DATA, 1, 0, bytes(16), 1, PayloadType.OUTPUT, b"my password"))
        tap.output(0, message(0, b"one"))
        tap.output(2, message(2, b"warning", PayloadType.STD_ERR))
        tap.output(1, message(1, b"two"))
        tap.output(3, message(3, b"EXIT_CODE: 7", PayloadType.EXIT_CODE))
        await tap.flush()
    assert [(event.kind, event.data) for event in events(storage)] == [
        ("m", b"A client connected."),
        ("r", b"80x24"),
        ("o", b"one"),
        ("o", b"two"),
        ("e", b"warning"),
        ("x", b"7"),
    ]
    assert {event.at for event in events(storage)} == {1}


async def test_large_output_is_written_before_the_second_ends(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    async with recorder(storage) as tap:
        tap.output(0, message(0, bytes(BLOCK_BYTES)))
        await eventually(lambda: shown(storage) == bytes(BLOCK_BYTES))


async def test_recording_continues_in_another_process(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    async with recorder(storage) as tap:
        tap.output(0, message(0, b"before"))
        await tap.flush()
    (path,) = tmp_path.glob("*/*")
    path.write_bytes(path.read_bytes() + b"FRB1 half a block")
    async with recorder(storage) as tap:
        tap.output(0, message(0, b"before"))
        tap.output(1, message(1, b" and after"))
        await tap.flush()
    assert shown(storage) == b"before and after"
    assert RecordingReader(storage, ID, KEY).verify(None, 2) is None


async def test_required_session_pauses_while_the_disk_is_full_and_loses_nothing(tmp_path: Path) -> None:
    storage = FullDisk(tmp_path)
    async with recorder(storage) as tap:
        storage.is_full = True
        tap.output(0, message(0, b"one"))
        tap.tick()
        await eventually(lambda: tap.failure is not None)
        assert "No space left" in str(tap.failure)
        assert tap.is_behind
        tap.output(1, message(1, b"two"))
        waiting = asyncio.create_task(tap.caught_up())
        storage.is_full = False
        while not waiting.done():
            tap.tick()
            await asyncio.sleep(0.05)
        await waiting
        await tap.flush()
        assert tap.failure is None
    assert shown(storage) == b"onetwo"


async def test_required_session_ends_when_the_disk_stays_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = FullDisk(tmp_path)
    storage.is_full = True
    async with recorder(storage) as tap:
        tap.output(0, message(0, b"one"))
        with pytest.raises(OSError, match="No space left"):
            await tap.flush()
        monkeypatch.setattr(session_recorder, "PATIENCE_SECONDS", 0.0)
        with pytest.raises(Unrecordable, match="No space left"):
            await tap.caught_up()


async def test_best_effort_session_goes_on_and_its_recording_says_what_is_missing(tmp_path: Path) -> None:
    storage = FullDisk(tmp_path)
    async with recorder(storage, required=False) as tap:
        storage.is_full = True
        tap.output(0, message(0, b"kept"))
        tap.tick()
        await eventually(lambda: tap.failure is not None)
        for number in range(1, 30):
            tap.output(number, message(number, bytes(100_000)))
            assert not tap.is_behind
        assert tap.waiting <= MOST_WAITING + 100_000
        storage.is_full = False
        await tap.flush()
        tap.output(30, message(30, b"after"))
        await tap.flush()
    assert shown(storage).startswith(b"kept")
    assert shown(storage).endswith(b"after")
    (missing,) = (text for text in markers(storage) if "could not be written" in text)
    assert len(shown(storage)) + int(missing.split()[0]) == len(b"kept") + 29 * 100_000 + len(b"after")


async def test_fast_session_waits_for_the_writer(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path)
    async with recorder(storage) as tap:
        number = 0
        for number in range(40):
            tap.output(number, message(number, bytes(100_000)))
            if tap.is_behind:
                await tap.caught_up()
            assert tap.waiting <= MOST_WAITING + 100_064
        await tap.flush()
    assert len(shown(storage)) == 40 * 100_000


async def test_best_effort_session_does_not_wait_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_recorder, "ANSWER_SECONDS", 0.05)
    storage = HangingDisk(tmp_path)
    async with recorder(storage, required=False) as tap:
        sent = 0
        while not tap.is_behind:
            tap.output(sent, message(sent, bytes(100_000)))
            sent += 1
        waiting = asyncio.create_task(tap.caught_up())
        while not waiting.done():
            tap.tick()
            await asyncio.sleep(0.02)
        assert "not answered" in str(tap.failure)
        for number in range(sent, sent + 30):
            tap.output(number, message(number, bytes(100_000)))
            assert not tap.is_behind
            assert tap.waiting <= MOST_WAITING + 100_100
        storage.answers.set()
        await eventually(lambda: tap.failure is None)
        tap.output(sent + 30, message(sent + 30, b"after"))
        await tap.flush()
    (missing,) = (text for text in markers(storage) if "could not be written" in text)
    assert len(shown(storage)) + int(missing.split()[0]) == (sent + 30) * 100_000 + len(b"after")


async def test_required_session_ends_when_the_disk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_recorder, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(session_recorder, "PATIENCE_SECONDS", 0.2)
    storage = HangingDisk(tmp_path)
    async with recorder(storage) as tap:
        tap.output(0, message(0, b"one"))
        tap.tick()
        while not tap.is_behind:
            await asyncio.sleep(0.02)
            tap.tick()
        waiting = asyncio.create_task(tap.caught_up())
        while not waiting.done():
            tap.tick()
            await asyncio.sleep(0.02)
        with pytest.raises(Unrecordable, match="not answered"):
            await waiting
        with pytest.raises(OSError, match="not answered"):
            await tap.flush()
        tap.release()
        with pytest.raises(RecordingInUse):  # the thread may still write
            DirectoryStorage(tmp_path).acquire(ID)
        storage.answers.set()
        await eventually(lambda: not storage._acquired)


async def test_files_are_private(tmp_path: Path) -> None:
    storage = DirectoryStorage(tmp_path / "recordings")
    storage.open()
    async with recorder(storage) as tap:
        tap.output(0, message(0, b"one"))
        await tap.flush()
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "recordings").rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert (tmp_path / "recordings").stat().st_mode & 0o777 == 0o700
