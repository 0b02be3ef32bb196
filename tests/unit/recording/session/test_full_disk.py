"""A disk that is really full: a file system of a few hundred kilobytes."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage.directory import DirectoryStorage
from tests.unit.recording.recorded import ID, KEY, events, message, recorder, shown
from tests.waiting import PATIENCE


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """An empty file system of 512 KiB."""
    mounted = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if os.geteuid() or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


async def fill(disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        (disk / "ballast").write_bytes(bytes(1024 * 1024))


@pytest.mark.parametrize("required", [True, False])
async def test_recording_is_whole_after_the_disk_was_full(disk: Path, *, required: bool) -> None:
    storage = DirectoryStorage(disk / "recordings")
    storage.open()
    async with recorder(storage, required=required) as tap:
        tap.output(0, message(0, b"before "))
        await tap.flush()
        await fill(disk)
        with pytest.raises(OSError, match="No space left"):
            storage.probe()
        tap.output(1, message(1, os.urandom(100_000)))
        with pytest.raises(OSError, match="No space left"):
            await tap.flush()
        assert tap.is_behind == required
        (disk / "ballast").unlink()
        async with asyncio.timeout(PATIENCE):
            while tap.failure is not None:
                tap.tick()
                await asyncio.sleep(0.05)
        tap.output(2, message(2, b" after"))
        await tap.flush()
    assert len(shown(storage)) == len("before ") + 100_000 + len(" after")
    assert not [event for event in events(storage) if event.kind == "m"]
    assert RecordingReader(storage, ID, KEY).verify(None) is None
