"""Listings: a table that fits the terminal for people; JSON, CSV or bare ids for programs."""

import csv
import io
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ferryman.cli.output.printing import print_document, print_lines, print_styled
from ferryman.cli.program.help_page import is_coloured
from ferryman.model.values.text import printable
from ferryman.model.values.timestamps import iso_millis

Output = Literal["table", "wide", "json", "csv", "ids"]
_GAP = "  "
_FORMULAS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters that begin a formula in spreadsheets, in both widths; control characters are escaped already."""
_SHORTEST = 16
"""The narrowest that a column of prose becomes before other columns are left out."""
_GREEN, _YELLOW, _RED, _DIM, _BOLD = "32", "33", "31", "2", "1"
_STYLES = {
    **dict.fromkeys(("online", "connected", "approved", "valid", "active", "ok", "current"), _GREEN),
    **dict.fromkeys(("connecting", "pending", "terminating", "staged", "inactive", "waiting"), _YELLOW),
    **dict.fromkeys(("connectionlost", "failed", "rejected", "revoked", "deregistered"), _RED),
    **dict.fromkeys(("disconnected", "terminated", "expired", "disabled", "used up", "replaced"), _DIM),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    On a terminal, columns without content are left out. Where a table is still wider than the terminal, so are columns
    with a `rank`, the highest rank first; a column without one (ids, names, states) always stays, and its cells are
    never cut. `is_prose` cells (reasons, descriptions) are shortened before columns are left out. `is_state` cells are
    coloured.
    """

    title: str
    rank: int = 0
    is_prose: bool = False
    is_state: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """A table laid out: its heading and rows, each of one line, and the titles of columns that did not fit."""

    heading: str
    rows: list[str]
    left_out: list[str]


def print_listing(
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    nothing: str,
    output: Output = "table",
    *,
    documents: Callable[[], object] | None = None,
) -> None:
    """Print rows as `output` says. `nothing` is the message for a table without rows; `documents` returns the rows for
    JSON.

    The first column holds the ids. A table is as wide as its content if it is `wide` or not shown on a terminal:
    programs that read it find whole ids.
    """
    if output == "json":
        print_json(list(rows) if documents is None else documents())
        return
    texts = [[printable(cell) for cell in row] for row in rows]
    if output == "ids":
        for row in texts:
            print_lines(row[0])
    elif output == "csv":
        _print_csv(columns, texts)
    elif not texts:
        print_lines(nothing)
    else:
        _print_table(columns, texts, is_wide=output == "wide")


def _print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], *, is_wide: bool) -> None:
    fitted = sys.stdout.isatty() and not is_wide
    coloured = is_coloured()
    table = lay_out(columns, rows, shutil.get_terminal_size().columns if fitted else None, coloured=coloured)
    print_styled(table.heading, *table.rows)
    if table.left_out:
        note = f"Not shown: {', '.join(table.left_out)}. --wide shows everything."
        print_styled(_styled(note, _DIM) if coloured else note)


def lay_out(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None, *, coloured: bool = False
) -> Layout:
    """Lay out printable cells in at most `width` columns of a terminal, or as wide as they are."""
    whole = width is None  # programs may count columns
    shown = [i for i, each in enumerate(columns) if (whole and not each.is_prose) or any(row[i] for row in rows)]
    widths = [max([_width(column.title), *(_width(row[i]) for row in rows)]) for i, column in enumerate(columns)]
    left_out: list[int] = []
    while width is not None and _total(shown, widths) > width:
        if _shorten(columns, shown, widths, width):
            break
        last = max(shown, key=lambda index: columns[index].rank)
        if columns[last].rank == 0:
            break
        shown.remove(last)
        left_out.append(last)
    heading = _line([columns[index].title for index in shown], [widths[index] for index in shown])
    lines = [_row(columns, shown, widths, row, coloured=coloured) for row in rows]
    return Layout(
        _styled(heading, _BOLD) if coloured else heading, lines, [columns[index].title for index in sorted(left_out)]
    )


def _shorten(columns: Sequence[Column], shown: Sequence[int], widths: list[int], width: int) -> bool:
    """Narrow columns of prose, the last first, by the missing width; return whether that was enough."""
    missing = _total(shown, widths) - width
    spare = {index: max(0, widths[index] - _SHORTEST) for index in reversed(shown) if columns[index].is_prose}
    if sum(spare.values()) < missing:
        return False
    for index, most in spare.items():
        taken = min(most, missing)
        widths[index] -= taken
        missing -= taken
    return True


def _total(shown: Sequence[int], widths: Sequence[int]) -> int:
    return sum(widths[index] for index in shown) + len(_GAP) * (len(shown) - 1)


def _row(
    columns: Sequence[Column], shown: Sequence[int], widths: Sequence[int], row: Sequence[str], *, coloured: bool
) -> str:
    cells = [_cut(row[index], widths[index]) if columns[index].is_prose else row[index] for index in shown]
    line = _line(cells, [widths[index] for index in shown])
    if not coloured:
        return line
    padded = []
    for index, cell in zip(shown, cells, strict=True):
        style = _STYLES.get(cell.lower(), "") if columns[index].is_state else ""
        padded.append((_styled(cell, style) if style else cell) + " " * (widths[index] - _width(cell)))
    return _GAP.join(padded).rstrip(" ")


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
    return _GAP.join(padded).rstrip(" ")


def _cut(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    while _width(text) > width - 1:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _styled(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m"


def _width(text: str) -> int:
    """The columns of a terminal that a text takes up."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _print_csv(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.title for column in columns])
    writer.writerows([_without_formula(cell) for cell in row] for row in rows)
    print_lines(*text.getvalue().removesuffix("\n").split("\n"))


def _without_formula(cell: str) -> str:
    """Return a cell that a spreadsheet shows as it is: a name or a reason may have been written to be calculated."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def print_json(value: object) -> None:
    """Print one JSON document; instants are ISO 8601 in UTC."""
    print_document(value, indent=2, default=plain)


def instant(row: Mapping[str, Any], member: str) -> str:
    """A row's instant in this machine's time zone, to the second; empty if absent."""
    value = row.get(member)
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else ""


def plain(value: object) -> str:
    """Convert an instant, which JSON has no form for, to ISO 8601 in UTC; TypeError for anything else."""
    if isinstance(value, datetime):
        return iso_millis(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
