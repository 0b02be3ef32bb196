"""A recorder over a directory, the messages that it records, and what its recording shows."""

import os
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

from ferryman.core.ports.recordings.recorder import RecordedEvent
from ferryman.model.identifiers import SessionId
from ferryman.recording.block_content import BlockContent
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import Event, decode_content
from ferryman.recording.reader import RecordingReader
from ferryman.recording.session.recorder import SessionRecorder
from ferryman.recording.storage.port import BlockStorage
from ferryman.wire.agent_message import MessageType, PayloadType, frame

ID = SessionId("admin-0123456789abcdef0")
KEY = bytes(32)


def message(number: int, payload: bytes, payload_type: int = PayloadType.OUTPUT) -> bytes:
    return frame(MessageType.OUTPUT_STREAM_DATA, number, 0, bytes(16), 1, payload_type, payload)


@asynccontextmanager
async def recorder(storage: BlockStorage, *, required: bool = True) -> AsyncIterator[SessionRecorder]:
    with ThreadPoolExecutor(1) as thread:
        storage.acquire(ID)
        tail = RecordingReader(storage, ID, KEY).resume()
        sealer = BlockSealer(ID, KEY, os.urandom, number=tail.blocks, head=tail.head)
        yield SessionRecorder(ID, sealer, storage, thread, lambda: tail.last_at + 1, tail.position, required=required)
        storage.release(ID)


def events_of(content: BlockContent | None) -> list[Event]:
    """Return the events of a block that a transcript gave."""
    return [] if content is None else decode_content(bytes(content.content()))[0]


def events(storage: BlockStorage) -> list[RecordedEvent]:
    return list(RecordingReader(storage, ID, KEY).events())


def shown(storage: BlockStorage) -> bytes:
    return b"".join(event.data for event in events(storage) if event.kind == "o")
