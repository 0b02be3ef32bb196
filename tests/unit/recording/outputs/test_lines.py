"""Lines that are streamed: the same however the output was divided, each once wherever an earlier process ended."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.core.ports.recordings.recorder import BlockPosition
from ferryman.model.identifiers import Millis
from ferryman.recording.outputs.cloud_watch import MOST_EVENT_BYTES
from ferryman.recording.outputs.lines import (
    MOST_LINE_BYTES,
    LineStream,
    Streamed,
    StreamIdentity,
    packed,
    plain,
    stream_event,
)


def read(blocks: list[bytes], stream: LineStream, first: int = 0) -> list[str]:
    """The lines of blocks from number `first` on; every block is readable by itself."""
    return [
        line
        for number, data in enumerate(blocks[first:], first)
        for line in stream.add(BlockPosition(number, number), data)
    ]


OUTPUT = st.lists(st.text(alphabet="ab\n\r\tü\x1b[", max_size=30).map(str.encode), max_size=12)


@given(OUTPUT, st.randoms())
def test_lines_do_not_depend_on_blocks(pieces: list[bytes], random: "object") -> None:
    whole = b"".join(pieces)
    stream = LineStream()
    lines = read(pieces, stream)
    assert lines == [plain(line) for line in whole.split(b"\n")[:-1]]
    rest = whole.rpartition(b"\n")[2]
    assert stream.end() == ([plain(rest)] if rest else [])


@given(OUTPUT, st.integers(0, 12))
def test_every_line_is_returned_once_by_one_process_or_the_next(blocks: list[bytes], ended: int) -> None:
    expected = read(blocks, LineStream())
    earlier = LineStream()
    lines = read(blocks[:ended], earlier)
    reached = Streamed(earlier.streamed.number, earlier.streamed.readable_from, earlier.streamed.skip)
    later = LineStream(reached)
    assert lines + read(blocks, later, reached.number + 1) == expected


def test_line_without_end_is_divided_and_continued_once() -> None:
    blocks = [("ü" * 10_000).encode()] * 9 + [b"end\n"]
    expected = "ü" * 90_000 + "end"
    for ended in range(len(blocks) + 1):
        earlier = LineStream()
        lines = read(blocks[:ended], earlier)
        lines += read(blocks, LineStream(earlier.streamed), earlier.streamed.number + 1)
        assert "".join(lines) == expected
        assert max(len(line.encode()) for line in lines) <= MOST_LINE_BYTES


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"\x1b[31;1mred\x1b[0m\r", "red"),
        (b"a\tb", "a b"),
        (b"\x1b]0;title\x07prompt$ ls", "prompt$ ls"),
        (b"\x1b]0;title\x1b\\prompt", "prompt"),
        (b"\x1b]0;cut", ""),
        (b"\x1bPq#0\x1b\\after", "after"),
        (b"\x1b(Bplain\x1b=\x1b>", "plain"),
        (b"\x1b[?2004hx\x1b[?2004l", "x"),
        (b"a\x08b\x00\x7f", "ab"),
        ("größe €".encode(), "größe €"),
        (b"\xff\xfe", "��"),
    ],
)
def test_lines_are_plain_text(line: bytes, text: str) -> None:
    assert plain(line) == text


@given(st.lists(st.text(max_size=20), max_size=20), st.integers(0, 3))
def test_events_hold_all_lines_in_order(lines: list[str], long: int) -> None:
    lines += ["€" * 20_000] * long
    groups = list(packed(lines))
    assert "".join(line for group in groups for line in group) == "".join(lines)
    assert all(sum(len(line.encode()) for line in group) <= MOST_LINE_BYTES for group in groups)


@pytest.mark.parametrize("line", ["", "y", '"' * 3000, "\\"])
def test_event_of_any_lines_is_small_enough_for_cloudwatch(line: str) -> None:
    identity = StreamIdentity("alice-0", "mi-1", "arn:aws:iam::1:user/alice", "ssm-user", "eu-central-1")
    lines = [line] * min(300_000, 1_000_000 // (len(line) + 1))
    events = [stream_event(identity, Millis(0), group) for group in packed(lines)]
    assert max(len(event.encode()) for event in events) < MOST_EVENT_BYTES
    assert [each for event in events for each in json.loads(event)["sessionData"]] == lines


def test_event_has_the_members_of_awss_in_order() -> None:
    identity = StreamIdentity("alice-0", "mi-1", "arn:aws:iam::1:user/alice", "ssm-user", "eu-central-1")
    assert stream_event(identity, Millis(1_700_000_000_999), ["a", 'b"']) == (
        '{"eventVersion":"1.0","eventTime":"2023-11-14T22:13:20Z","awsRegion":"eu-central-1","target":{"id":"mi-1"},'
        '"userIdentity":{"arn":"arn:aws:iam::1:user/alice"},"runAsUser":"ssm-user","sessionId":"alice-0",'
        '"sessionData":["a","b\\""]}'
    )
    assert json.loads(stream_event(identity, Millis(0), []))["sessionData"] == []
