import io
from types import SimpleNamespace
from typing import Any

import pytest

from ferryman.cli.client.run_many import LONGEST_LINE, LineSplitter, TextReport
from ferryman.client.api import Stream
from ferryman.model.failures import Failure


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_come_when_they_are_complete() -> None:
    lines = LineSplitter()
    assert lines.push(b"a") == []
    assert lines.push(b"b\nc\r\n\nd") == ["ab", "c", ""]
    assert lines.end() == ["d"]
    assert lines.end() == []


def test_a_character_may_come_in_pieces() -> None:
    lines = LineSplitter()
    first, second = "é".encode()[:1], "é".encode()[1:]
    assert lines.push(first) == []
    assert lines.push(second + b"\n\xff\n") == ["é", "\ufffd"]


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    lines = LineSplitter()
    assert [len(line) for line in lines.push(b"x" * (2 * LONGEST_LINE + 1))] == [LONGEST_LINE, LONGEST_LINE]
    assert lines.end() == ["x"]


@pytest.fixture
def hostile() -> Any:
    return SimpleNamespace(id="mi-1", name="web-1\x1b[2J\ndb-1: all is well")


def test_a_name_forges_no_line(hostile: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal a command's output stays as it is."""
    report = TextReport(1)
    report.line(hostile, Stream.STDOUT, "\x1b[31mred\x1b[0m \r")
    report.ended(hostile, 3, 1.0)
    report.failed(hostile, Failure("it", "left\nearly"))
    out, err = capsys.readouterr()
    name = "web-1\\x1b[2J\\ndb-1: all is well"
    assert out == f"{name}: \x1b[31mred\x1b[0m \r\n"
    assert err == f"{name}: exited with code 3\n{name}: it: left early.\n"


def test_output_on_a_terminal_does_not_pass_for_another_nodes(hostile: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr("sys.stdout", screen)
    hostile.name = "web-1"
    TextReport(1).line(hostile, Stream.STDOUT, "\rdb-1: all is well\x1b[A\x1b[31mred")
    assert screen.getvalue() == "web-1: \\rdb-1: all is well\\x1b[A\x1b[31mred\x1b[0m\n"
