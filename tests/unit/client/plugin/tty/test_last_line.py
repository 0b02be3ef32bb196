"""Notices over full-screen programs."""

import pytest

from ferryman.client.plugin.tty.last_line import on_alternate_screen, on_last_line


def test_text_is_drawn_on_the_last_line_and_the_cursor_returns() -> None:
    drawn = on_last_line("x" * 100, 80, 24)
    assert drawn == b"\x1b7\x1b[24;1H\x1b[0;7m" + b"x" * 80 + b"\x1b[0m\x1b[K\x1b8"


@pytest.mark.parametrize(
    ("data", "before", "after"),
    [
        (b"plain", False, False),
        (b"plain", True, True),
        (b"\x1b[?1049h\x1b[2J", False, True),
        (b"\x1b[?1049l$ ", True, False),
        (b"\x1b[?47h...\x1b[?47l", False, False),
        (b"\x1b[?25l", True, True),
    ],
)
def test_alternate_screen_is_followed(data: bytes, before: bool, after: bool) -> None:
    assert on_alternate_screen(data, before=before) is after
