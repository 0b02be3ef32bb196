"""Where a cursor stands after output."""

import pytest

from ferryman.client.plugin.tty.unfinished_line import MOST_BYTES, UnfinishedLine


@pytest.mark.parametrize(
    ("written", "column"),
    [
        ([], 0),
        ([b"whole\r\n"], 0),
        ([b"1\n126388"], 6),
        ([b"12", b"34"], 4),
        ([b"12\n", b"34"], 2),
        ([b"overwritten\r12"], 2),
        ([b"12\b"], 1),
        ([b"1\t"], 8),
        ([b"\x1b[1;32mann\x1b[0m$ "], 5),
        ([b"\x1b]0;title\x07$ "], 2),
        ([b"\x1b[?2004h$ "], 2),
        (["gr\u00fc\u00df".encode()], 4),
        (["\u6f22\u5b57".encode()], 4),
        (["e\u0301".encode()], 1),
        ([b"x" * 80], 80),
        ([b"x" * 85], 5),
        ([b"\x1b[10;20Hmoved"], None),
        ([b"x" * MOST_BYTES, b"xx"], None),
    ],
)
def test_the_column_of_the_cursor(written: list[bytes], column: int | None) -> None:
    line = UnfinishedLine()
    for data in written:
        line.feed(data)
    assert line.column(80) == column
    assert line.empty == (column == 0)
