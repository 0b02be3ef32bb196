"""Rows for people: a table as wide as the terminal; JSON for programs."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ferryman.cli.printing import say, say_json
from ferryman.model.printable import printable


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> None:
    """Print rows under bold headings; `nothing` is said when there are none.

    Not on a terminal, the table is as wide as its content, so that what reads it finds whole ids.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text, not str: a session's reason may hold what Rich would take for markup.
        table.add_row(*(Text(printable(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    if table.row_count == 0:
        say(nothing)
        return
    console.print(table)


def print_json(value: object) -> None:
    """Print one JSON document; instants are ISO 8601 in UTC."""
    say_json(value, indent=2, default=plain)


def instant(row: Mapping[str, Any], member: str) -> str:
    """A row's instant in this machine's time zone, to the second; empty if absent."""
    value = row.get(member)
    return value.astimezone().strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else ""


def plain(value: object) -> str:
    """Return what JSON has no form for, an instant, as ISO 8601 in UTC; TypeError for anything else."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} has no place in JSON")
