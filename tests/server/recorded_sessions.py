"""Recorded sessions of a whole server, on a disk that may be full, and what the API says about their recordings."""

import asyncio
import base64
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.core.service import Service
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.storage.directory import DirectoryStorage
from tests.server.callers.own_calls import call
from tests.server.running import Server

TICK_SECONDS = 0.05
"""How often the tests' recorders write and finish: waiting for that is most of a short session."""


class Disk(DirectoryStorage):
    """A directory whose disk may be full."""

    is_full = False

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.refused: set[str] = set()
        """Recordings that cannot be written."""

    def probe(self) -> None:
        if self.is_full:
            raise OSError(28, "No space left on device")
        super().probe()

    def append(self, recording_id: str, block: bytes) -> None:
        if self.is_full or recording_id in self.refused:
            raise OSError(28, "No space left on device")
        super().append(recording_id, block)


@dataclass
class Recording:
    """The recorder of the test's server, once that has started."""

    disk: Disk
    mode: RecordingMode = RecordingMode.REQUIRED
    recorder: ServerRecorder = field(init=False)
    running: "asyncio.Task[None]" = field(init=False)

    def record(self, service: Service) -> Service:
        self.recorder = ServerRecorder(service, self.disk, self.mode, tick_seconds=TICK_SECONDS)
        self.running = asyncio.create_task(self.recorder.run())
        return replace(service, recorder=self.recorder)


async def shown(server: Server, session_id: str) -> bytes:
    """The bytes that a recording shows, over all its pages."""
    data = b""
    token: dict[str, Any] = {}
    while True:
        page = await call(server, "GetRecordingEvents", SessionId=session_id, **token)
        data += b"".join(base64.b64decode(event["Data"]) for event in page["Events"] if event["Kind"] == "o")
        if not page.get("NextToken"):
            return data
        token = {"NextToken": page["NextToken"]}


def has_blocks(found: list[Path]) -> bool:
    return any(path.stat().st_size for path in found)


def files(recording: Recording, session_id: str) -> Any:
    async def look() -> list[Path]:
        return list(recording.disk.directory.glob(f"*/{session_id}*"))

    return look


def failure(recording: Recording) -> Any:
    async def look() -> str | None:
        return recording.recorder.failure

    return look
