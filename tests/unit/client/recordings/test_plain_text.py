"""Recordings as plain text."""

import pytest

from ferryman.client.recordings import plain_text as module
from ferryman.client.recordings.events import RecordedEvent
from ferryman.client.recordings.plain_text import plain_text


def printed(*pieces: bytes) -> str:
    return "".join(plain_text(RecordedEvent(0.0, "o", piece) for piece in pieces))


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (b"$ ls\r\ntotal 0\r\n", "$ ls\ntotal 0\n"),
        (b"$ rm\x08\x08ls\r\n", "$ ls\n"),
        (b"$ long command\r\x1b[K$ ls\r\n", "$ ls\n"),
        (b" 10%\r100%\r\n", "100%\n"),
        (b"\x1b]0;title\x07\x1b[1;31mred\x1b[0m\tx\r\n", "red\tx\n"),
        (b"\x1bP$qm\x1b\\a\x1b(0b\x1b[?25l\r\n", "ab\n"),
        (b"no end", "no end\n"),
        (b"caf\xff\n", "caf\ufffd\n"),
    ],
)
def test_control_sequences_are_applied_or_removed(shown: bytes, text: str) -> None:
    assert printed(shown) == text


def test_characters_and_sequences_cut_in_two_are_joined() -> None:
    assert printed(b"caf\xc3", b"\xa9 \x1b[3", b"1mred\r\n") == "café red\n"


def test_only_what_was_shown_is_printed() -> None:
    events = [RecordedEvent(0.0, kind, b"x\n") for kind in "oeirm"]
    assert "".join(plain_text(events)) == "x\nx\n"


def test_endless_line_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_LINE", 10)
    assert printed(b"x" * 8, b"x" * 8, b"y\n") == "x" * 16 + "\ny\n"
