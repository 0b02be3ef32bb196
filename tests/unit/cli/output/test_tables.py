import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.cli.options import chosen_output
from ferryman.cli.output.tables import Column, Output, instant, lay_out, print_json, print_listing
from ferryman.model.values.text import printable

COLUMNS = (
    Column("Session"),
    Column("Status", is_state=True),
    Column("Owner", rank=1),
    Column("Started", rank=2),
    Column("Reason", rank=3, is_prose=True),
)
ROW = ("alice-0123456789abcdef0", "Connected", "alice", "2026-01-31 09:00:00", "look at why the disk is full again")
WORDS = st.text("abc -", max_size=40)


def listed(capsys: pytest.CaptureFixture[str], rows: Sequence[Sequence[str]], output: Output = "table") -> str:
    print_listing(COLUMNS, rows, "There are none.", output)
    return capsys.readouterr().out


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_table_off_a_terminal_is_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys, [["a" * 96, "Connected", "", "", "[bold]not markup[/bold]"], ["b", "", "", "", "x" * 200]])
    assert "a" * 96 in out
    assert "x" * 200 in out
    assert "[bold]not markup[/bold]" in out


def test_columns_stand_under_each_other_whatever_their_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing([Column("Name"), Column("Node")], [["東京", "mi-1"], ["web", "mi-2"]], "nothing")
    assert capsys.readouterr().out == "Name  Node\n東京  mi-1\nweb   mi-2\n"


@pytest.mark.parametrize(
    ("width", "titles", "left_out"),
    [
        (120, "Session Status Owner Started Reason", []),
        (90, "Session Status Owner Started Reason", []),  # the reason is shortened
        (74, "Session Status Owner Started", ["Reason"]),
        (50, "Session Status Owner", ["Started", "Reason"]),
        (20, "Session Status", ["Owner", "Started", "Reason"]),  # never without these
    ],
)
def test_columns_are_left_out_by_rank_on_a_narrow_terminal(width: int, titles: str, left_out: list[str]) -> None:
    table = lay_out(COLUMNS, [ROW], width)
    assert table.heading.split() == titles.split()
    assert table.left_out == left_out
    assert "alice-0123456789abcdef0  Connected" in table.rows[0]


def test_columns_without_content_are_left_out_on_a_terminal_only() -> None:
    rows = [("mi-1", "Online", "", "2026-01-31"), ("mi-2", "Online", "", "2026-01-31")]
    columns = [Column("Node"), Column("Status"), Column("Name"), Column("Last seen")]
    assert lay_out(columns, rows, 80).heading.split() == ["Node", "Status", "Last", "seen"]
    assert lay_out(columns, rows, 80).left_out == []
    assert lay_out(columns, rows, None).heading.split() == ["Node", "Status", "Name", "Last", "seen"]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine
@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS), min_size=1, max_size=4), st.integers(1, 200))
def test_ids_and_states_are_whole_and_other_columns_never_too_wide(rows: list[tuple[str, ...]], width: int) -> None:
    table = lay_out(COLUMNS, rows, width)
    needed = (
        max(len("Session"), *(len(row[0]) for row in rows)) + 2 + max(len("Status"), *(len(row[1]) for row in rows))
    )
    assert max(map(len, [table.heading, *table.rows])) <= max(width, needed)
    for row, line in zip(rows, table.rows, strict=True):
        assert line.startswith(row[0].rstrip())
        assert row[1].rstrip() in line


def test_on_a_terminal_states_are_coloured_and_the_rest_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch, 50)
    out = listed(capsys, [ROW])
    assert "\x1b[32mConnected\x1b[0m" in out
    assert "Not shown: Started, Reason. --wide shows everything." in out
    assert "2026-01-31" in listed(capsys, [ROW], "wide")


def test_several_columns_of_prose_are_shortened_together_the_last_first() -> None:
    columns = [Column("Event", is_prose=True), Column("On", rank=1), Column("Result", is_prose=True)]
    table = lay_out(columns, [("e" * 50, "mi-1", "r" * 60)], 60)
    assert table.rows == [f"{'e' * 35}…  mi-1  {'r' * 15}…"]
    assert table.left_out == []


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_colours_where_they_are_not_wanted(
    variable: str, value: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_a_terminal(monkeypatch, 200)
    monkeypatch.setenv(variable, value)
    assert "\x1b" not in listed(capsys, [ROW])


def test_no_colours_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b" not in listed(capsys, [ROW])


def test_ids_csv_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, [ROW, ("b\x1b", "", "", "", "")], "ids") == f"{ROW[0]}\nb\\x1b\n"
    rows = list(csv.reader(io.StringIO(listed(capsys, [(*ROW[:4], 'a, "b"')], "csv"))))
    assert rows == [[column.title for column in COLUMNS], [*ROW[:4], 'a, "b"']]
    assert json.loads(listed(capsys, [ROW], "json")) == [list(ROW)]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1+1"])
def test_csv_has_no_cells_that_a_spreadsheet_calculates(cell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, [(cell, "a=b", "", "", "")], "csv").splitlines()[1].startswith(f"'{cell},a=b,")
    assert listed(capsys, [(cell, "", "", "", "")]).splitlines()[1].startswith(cell)


def test_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert listed(capsys, []) == "There are none.\n"
    assert listed(capsys, [], "ids") == ""
    assert listed(capsys, [], "csv") == "Session,Status,Owner,Started,Reason\n"


def test_options_that_contradict_each_other_are_refused() -> None:
    assert chosen_output("table", wide=False, json=False, quiet=True) == "ids"
    assert chosen_output("json", wide=False, json=True, quiet=False) == "json"
    with pytest.raises(typer.BadParameter):
        chosen_output("csv", wide=False, json=True, quiet=False)


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
