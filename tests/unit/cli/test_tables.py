import json
from datetime import UTC, datetime
from typing import Any

import pytest

from ferryman.cli.tables import FOLDED, instant, print_json, print_table
from ferryman.model.text import printable


def test_a_table_off_a_terminal_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["Session", "Reason"], [["a" * 96, "[bold]not markup[/bold]"], ["b", "x" * 200]], "nothing")
    out = capsys.readouterr().out
    assert "a" * 96 in out
    assert "x" * 200 in out
    assert "[bold]not markup[/bold]" in out


def test_columns_stand_under_each_other_whatever_their_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["Name", "Node"], [["東京", "mi-1"], ["web", "mi-2"]], "nothing")
    assert capsys.readouterr().out == "Name   Node\n───────────\n東京   mi-1\nweb    mi-2\n"


@pytest.mark.parametrize(("rows", "folded"), [(FOLDED, True), (FOLDED + 1, False)])
def test_cells_are_folded_on_a_narrow_terminal_unless_there_are_many(
    rows: int, folded: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich takes it for a terminal
    print_table(["Reason"], [["x" * 50]] * rows, "nothing")
    assert ("x" * 50 not in capsys.readouterr().out) is folded


def test_many_rows_cost_little(capsys: pytest.CaptureFixture[str]) -> None:
    """Microseconds a row, where Rich takes most of a millisecond: counted in its own objects, not in time."""
    from rich.text import Text

    rows = [[f"mi-{number:017x}", "Online"] for number in range(2_000)]
    made = 0
    original = Text.__init__

    def counted(self: Text, *arguments: Any, **named: Any) -> None:
        nonlocal made
        made += 1
        original(self, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "__init__", counted)
        print_table(["Node", "Status"], rows, "nothing")
    assert len(capsys.readouterr().out.splitlines()) == 2_002
    assert made < 100


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["Session"], [], "There are none.")
    assert capsys.readouterr().out == "There are none.\n"


def test_control_characters_are_shown_escaped() -> None:
    assert printable("a\x1b]0;title\x07\n\u202eb é") == "a\\x1b]0;title\\x07\\n\\u202eb é"


def test_json_has_instants_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"StartDate": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)}])
    assert json.loads(capsys.readouterr().out) == [{"StartDate": "2026-01-02T03:04:05.678Z"}]
    with pytest.raises(TypeError, match="bytes"):
        print_json(b"")


def test_an_absent_instant_is_empty() -> None:
    assert instant({}, "EndDate") == ""
    assert instant({"EndDate": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)}, "EndDate").startswith("2026-01-0")
