"""Rows for people: a table as wide as the terminal; JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ferryman.cli.printing import print_document, print_lines
from ferryman.model.text import printable
from ferryman.model.timestamps import iso_millis

if TYPE_CHECKING:
    from rich.console import Console

FOLDED = 500
"""The most rows that are folded: Rich takes nearly a millisecond for each."""
_GAP = "   "


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> None:
    """Print rows under bold headings, or `nothing` if there are none.

    Cells are folded to fit a terminal. Elsewhere, or with more than `FOLDED` rows, the table is as wide as its content,
    so that programs find whole ids.
    """
    from rich.console import Console
    from rich.text import Text

    texts = [[printable(cell) for cell in row] for row in rows]
    if not texts:
        print_lines(nothing)
        return
    widths = [max(map(_width, column)) for column in zip(columns, *texts, strict=True)]
    total = sum(widths) + len(_GAP) * (len(widths) - 1)
    console = Console()
    if console.is_terminal and total > console.width and len(texts) <= FOLDED:
        _print_folded(console, columns, texts)
        return
    heading = _line(columns, widths)
    if console.is_terminal:
        console.print(Text(heading, style="bold"), no_wrap=True, overflow="ignore", crop=False)
    else:
        print_lines(heading)
    print_lines("─" * total, *(_line(row, widths) for row in texts))


def _print_folded(console: "Console", columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not str: a session's reason may hold what Rich would take for markup.
        table.add_row(*map(Text, row))
    console.print(table)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = (text + " " * (width - _width(text)) for text, width in zip(row, widths, strict=True))
    return _GAP.join(padded).rstrip(" ")


def _width(text: str) -> int:
    """The columns of a terminal that a text takes up."""
    from rich.cells import cell_len

    return len(text) if text.isascii() else cell_len(text)


def print_json(value: object) -> None:
    """Print one JSON document; instants are ISO 8601 in UTC."""
    print_document(value, indent=2, default=plain)


def instant(row: Mapping[str, Any], member: str) -> str:
    """A row's instant in this machine's time zone, to the second; empty if absent."""
    value = row.get(member)
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else ""


def plain(value: object) -> str:
    """Return what JSON has no form for, an instant, as ISO 8601 in UTC; TypeError for anything else."""
    if isinstance(value, datetime):
        return iso_millis(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
