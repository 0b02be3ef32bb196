"""Exports of recordings, and what a player lets through to the terminal."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest

from ferryman.client.recordings.asciicast import Heading, asciicast_v2, asciicast_v3, raw_output
from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.plain_text import plain_text
from ferryman.client.recordings.terminal_filter import LONGEST, TerminalFilter

HEADING = Heading("a session", datetime(2026, 11, 29, tzinfo=UTC))
EVENTS = [
    RecordedEvent(0.0, "m", b"A client connected."),
    RecordedEvent(0.1, "r", b"120x40"),
    RecordedEvent(0.5, "o", b"caf\xc3"),
    RecordedEvent(0.75, "o", b"\xa9 \xff"),
    RecordedEvent(1.0, "e", b"oops\r\n"),
    RecordedEvent(61.0, "x", b"3"),
]


def parsed(lines: Iterable[str]) -> list[object]:
    return [json.loads(line) for line in lines]


def test_version_3_has_relative_times_and_whole_characters() -> None:
    header, *events = parsed(asciicast_v3(HEADING, EVENTS))
    assert header == {
        "version": 3,
        "term": {"cols": 120, "rows": 40},
        "timestamp": int(HEADING.started_at.timestamp()),
        "title": "a session",
    }
    assert events == [
        [0.0, "m", "A client connected."],
        [0.1, "r", "120x40"],
        [0.4, "o", "caf"],
        [0.25, "o", "é \ufffd"],
        [0.25, "o", "oops\r\n"],
        [60.0, "x", "3"],
    ]


def test_relative_times_add_up_over_a_long_recording() -> None:
    events = [RecordedEvent(number * 0.0004, "o", b"x") for number in range(100_000)]
    total = sum(line[0] for line in parsed(asciicast_v3(HEADING, events))[1:])  # type: ignore[index]
    assert total == pytest.approx(events[-1].at, abs=0.01)


def test_version_2_has_absolute_times_and_no_exit_status() -> None:
    header, *events = parsed(asciicast_v2(HEADING, EVENTS))
    assert header == {
        "version": 2,
        "width": 120,
        "height": 40,
        "timestamp": int(HEADING.started_at.timestamp()),
        "title": "a session",
    }
    assert [event[0] for event in events] == [0.0, 0.1, 0.5, 0.75, 1.0]  # type: ignore[index]


def test_raw_export_is_exactly_what_was_shown() -> None:
    assert b"".join(raw_output(EVENTS)) == b"caf\xc3\xa9 \xffoops\r\n"


def test_recording_without_a_size_has_the_usual_one() -> None:
    header, *_ = parsed(asciicast_v3(HEADING, [RecordedEvent(0.0, "o", b"x"), RecordedEvent(1.0, "r", b"1x1")]))
    assert header["term"] == {"cols": 80, "rows": 24}  # type: ignore[index]


DRAWN = b"a\x1b[31mb\x1b[2;5Hc\x1b[?1049h\x1b[2J\x1b[?25l\x1b(0\x1b[4 qd\x1b7\x1b8\r\n\tcaf\xc3\xa9\xe2\x9c\x93"
REMOVED = (
    b"\x1b]52;c;aGVsbG8=\x07",
    b"\x1b]0;title\x1b\\",
    b"\x1bP$qm\x1b\\",
    b"\x1b_Gi=1;AAAA\x1b\\",
    b"\x1b^private\x1b\\",
    b"\x1bXstring\x1b\\",
    b"\x1b[6n",
    b"\x1b[?6n",
    b"\x1b[c",
    b"\x1b[>0c",
    b"\x1b[21t",
    b"\x1b[?2026$p",
    b"\x1b[>0q",
    b"\x1bZ",
    b"\x05",
    b"\xc2\x9d52;c;aGVsbG8=\x07",
    b"\xc2\x9b6n",
    b"\xc2\x905p\xc2\x9c",
    b"\xc2\x85",
    b"\x1b[6\x08n",
    b"\x1b\n[6n",
    b"\x1b\x7f]0;title\x07",
    b"\x1b[?1000h",
    b"\x1b[?1004;2004h",
    b"\x1b[>4;2m",
    b"\x1b[?4m",
    b"\x1b[>1u",
    b"\x1b[?u",
    b'\x1b[61"p',
    b"\x1b%@",
    b"\x1b G",
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("removed", REMOVED)
def test_what_does_more_than_draw_is_removed(removed: bytes, size: int) -> None:
    data = DRAWN + removed + DRAWN
    terminal = TerminalFilter()
    pieces = [terminal.filtered(data[start : start + size]) for start in range(0, len(data), size)]
    assert b"".join(pieces) == DRAWN + DRAWN


@pytest.mark.parametrize("end", [b"\x18", b"\x1a", b"\x1b[m", b"\x1b\\", b"\xc2\x9c"])
def test_output_behind_a_string_that_terminals_have_ended_is_shown(end: bytes) -> None:
    assert TerminalFilter().filtered(b"\x1b]0;title" + end + b"rm -rf /").endswith(b"rm -rf /")


def test_bytes_that_are_not_text_are_replaced() -> None:
    assert TerminalFilter().filtered(b"a\x9b6nb") == "a\ufffd6nb".encode()


def test_of_several_modes_those_that_draw_remain() -> None:
    assert TerminalFilter().filtered(b"\x1b[?25;1000;1049h") == b"\x1b[?25;1049h"


def test_sequence_that_never_ends_is_bounded() -> None:
    terminal = TerminalFilter()
    assert terminal.filtered(b"\x1b]52;c;") == b""
    for _ in range(100):
        assert terminal.filtered(b"A" * 1000) == b""
    assert len(terminal._rest) <= LONGEST
    assert terminal.filtered(b"\x07shown") == b"shown"


TRAFFIC = [
    RecordedEvent(0.0, "c", b'{"state":"forwarding","host":"db","port":"5432"}'),
    RecordedEvent(0.5, "c", b'{"state":"opened","connection":1}'),
    RecordedEvent(
        2.0, "c", b'{"state":"closed","connection":1,"by":"node","sent":3,"received":9,"reason":"reset\\u001b[2J"}'
    ),
    RecordedEvent(2.5, "c", b'{"state":"unlisted","listed":1}'),
    RecordedEvent(3.0, "c", b'{"state":"total","connections":2,"refused":0,"sent":4,"received":9,"complete":false}'),
    RecordedEvent(3.0, "f", b'{"direction":"upload","name":"a","destination":"/b","bytes":12}'),
]


def test_connections_and_files_are_sentences() -> None:
    lines = list(plain_text(TRAFFIC))
    assert lines == [
        "Forwarding to db, port 5432.\n",
        "Connection 1 opened.\n",
        "Connection 1 closed by node (reset\\x1b[2J): 3 bytes to the node, 9 from it.\n",
        "Connections after the first 1 are not listed.\n",
        "2 connections: 4 bytes to the node, 9 from it. The list is incomplete.\n",
        "The client says: upload of a to /b, 12 bytes.\n",
    ]
    _, *events = parsed(asciicast_v3(HEADING, TRAFFIC))
    assert [event[1:] for event in events if isinstance(event, list)] == [["m", line.rstrip()] for line in lines]


def test_events_that_cannot_be_read_are_left_out() -> None:
    unreadable = [b"{", b'{"name":"a"}', b'{"state":"\xff"}', b'{"state":' + b"[" * 100_000]
    assert list(plain_text([RecordedEvent(0.0, kind, data) for data in unreadable for kind in "cf"])) == []


def test_only_the_server_reports_connections_and_files() -> None:
    """A node that prints the same as an event has only printed it."""
    said = [event.data for event in TRAFFIC if event.kind in "cf"]
    assert [line.rstrip() for line in plain_text([RecordedEvent(0.0, "o", data + b"\n") for data in said])] == [
        data.decode() for data in said
    ]


def test_sentence_about_a_file_is_one_line() -> None:
    data = json.dumps({"direction": "upload", "name": "a\x1b[2J\nb"}).encode()
    assert list(plain_text([RecordedEvent(0.0, "f", data)])) == ["The client says: upload of a\\x1b[2J b.\n"]
