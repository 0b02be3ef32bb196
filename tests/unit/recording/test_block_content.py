"""The content of a block as it is filled, beside the one that MessagePack's own encoder makes."""

import os

import pytest

from ferryman.recording import block_content
from ferryman.recording.block_content import BLOCK_BYTES, BlockContent
from ferryman.recording.events import Event, EventKind, TranscriptPosition, decode_content

POSITION = TranscriptPosition(3, "client", 4, skipped=((1, 2),))


@pytest.mark.parametrize("size", [0, 1, 255, 256, 2000, 65_535, 65_536, BLOCK_BYTES, 1024 * 1024])
@pytest.mark.parametrize("at", [0, 2**32 - 1, 2**32, 2**53])
def test_events_come_back_as_they_were_added(size: int, at: int) -> None:
    events = [Event(at, kind, os.urandom(size)) for kind in EventKind]
    content = BlockContent()
    for number, event in enumerate(events):
        begin = content.add(event.at, event.kind, b"head" + event.data, 4)
        assert content.data[begin : begin + size] == event.data, number
    content.close(POSITION)
    assert decode_content(bytes(content.content())) == (events, POSITION)
    assert content.count == len(events)
    assert content.shown == size * len(events)


def test_only_the_last_event_of_a_kind_is_dropped() -> None:
    content = BlockContent()
    content.add(1, EventKind.OUTPUT, b"shown")
    content.drop_last(EventKind.RESIZE)
    content.add(2, EventKind.RESIZE, b"80x24")
    content.drop_last(EventKind.RESIZE)
    content.drop_last(EventKind.OUTPUT)
    content.close(POSITION)
    assert decode_content(bytes(content.content()))[0] == [Event(1, EventKind.OUTPUT, b"shown")]
    assert content.shown == len(b"shown")


def test_buffer_is_used_again_only_when_nobody_refers_to_its_block() -> None:
    block_content._spare.clear()
    kept, dropped = BlockContent(), BlockContent()
    for content in (kept, dropped):
        content.add(1, EventKind.OUTPUT, b"x" * BLOCK_BYTES)
    buffer = dropped.data
    del dropped, content
    assert [spare is buffer for spare in block_content._spare] == [True]
    again = BlockContent()
    again.add(1, EventKind.OUTPUT, b"y" * BLOCK_BYTES)
    assert again.data is buffer
    assert b"y" not in kept.content().tobytes()
