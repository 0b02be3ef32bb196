"""The process that turns output into lines, and its answers."""

import pytest

from ferryman.core.ports.recordings.recorder import RecordedEvent
from ferryman.recording.search import messages, process
from ferryman.recording.search.messages import Chunk
from ferryman.recording.search.process import LineProcess


async def test_answer_is_decoded_in_small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def decode(data: bytes) -> Chunk:
        sizes.append(len(data))
        return messages.decode_chunk(data)

    monkeypatch.setattr(process, "decode_chunk", decode)
    reader = LineProcess(plain=True)
    try:
        chunks = await reader.chunks([RecordedEvent(0, "o", b"y\r\n" * 100_000)], ends=True)
    finally:
        await reader.close()
    assert sum(len(chunk.lines) for chunk in chunks) == 100_000
    assert len(sizes) == len(chunks)
    assert max(sizes) < 64 * 1024
