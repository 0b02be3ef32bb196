import json
from datetime import UTC, datetime

import pytest

from ferryman.cli.tables import instant, print_json, print_table
from ferryman.model.printable import printable


def test_a_table_off_a_terminal_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["Session", "Reason"], [["a" * 96, "[bold]not markup[/bold]"], ["b", "x" * 200]], "nothing")
    out = capsys.readouterr().out
    assert "a" * 96 in out
    assert "x" * 200 in out
    assert "[bold]not markup[/bold]" in out


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["Session"], [], "There are none.")
    assert capsys.readouterr().out == "There are none.\n"


def test_what_could_steer_a_terminal_is_shown_instead() -> None:
    assert printable("a\x1b]0;title\x07\n\u202eb é") == "a\\x1b]0;title\\x07\\n\\u202eb é"


def test_json_has_instants_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"StartDate": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)}])
    assert json.loads(capsys.readouterr().out) == [{"StartDate": "2026-01-02T03:04:05.678Z"}]
    with pytest.raises(TypeError, match="bytes"):
        print_json(b"")


def test_an_absent_instant_is_empty() -> None:
    assert instant({}, "EndDate") == ""
    assert instant({"EndDate": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, "EndDate").startswith("2026-01-0")
