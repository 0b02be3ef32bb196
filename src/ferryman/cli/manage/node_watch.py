"""`ferryman nodes --watch`: a table that is redrawn on a terminal, and one line for each change elsewhere."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ferryman.cli.manage.node_rows import COLUMNS, cells
from ferryman.cli.printing import print_document, print_error, print_lines
from ferryman.cli.tables import plain
from ferryman.model.failures import Failure, counted
from ferryman.model.text import printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Row = Mapping[str, Any]
Look = Callable[[], Sequence[Row]]

_WATCHED = ("PingStatus", "Name", "ComputerName", "IPAddress", "PlatformName", "PlatformVersion", "AgentVersion")
"""What counts as a change; when a node was last heard of does not."""
_GONE = "Deregistered"
_LINES_AROUND = 6
"""Of a terminal, for the heading, the sum and the prompt."""


def watch_nodes(look: Look, interval: float, *, as_json: bool) -> None:
    """Look every `interval` seconds until interrupted, and show what is seen: a table on a terminal, or lines.

    `look` returns DescribeInstanceInformation's rows. Its first Failure ends this; later ones are shown, and it looks
    again.
    """
    from rich.console import Console

    console = Console()
    if console.is_terminal and not as_json:
        _watch_table(console, look, interval)
    else:
        _watch_lines(look, interval, as_json=as_json)


def changes(before: Mapping[str, Row], rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows that are new or changed since `before` (by id); who is gone has PingStatus Deregistered."""
    for row in rows:
        known = before.get(row["InstanceId"])
        if known is None or any(known.get(member) != row.get(member) for member in _WATCHED):
            yield row
    here = {row["InstanceId"] for row in rows}
    for node_id, row in before.items():
        if node_id not in here:
            yield {**row, "PingStatus": _GONE}


def _watch_lines(look: Look, interval: float, *, as_json: bool) -> None:
    known: dict[str, Row] = {}
    rows: Sequence[Row] | None = look()
    trouble = ""
    while True:
        if rows is not None:
            for row in changes(known, rows):
                if as_json:
                    print_document({"At": _now().astimezone(UTC), **row}, default=plain)
                else:
                    print_lines(_line(row))
            known = {row["InstanceId"]: row for row in rows}
        time.sleep(interval)
        rows, seen = _look_again(look)
        if seen and seen != trouble:
            print_error(f"ferryman: {seen}")
        trouble = seen


def _line(row: Row) -> str:
    name = row.get("Name") or row.get("ComputerName") or ""
    return f"{_now():%Y-%m-%d %H:%M:%S} {row['InstanceId']} {row.get('PingStatus', '')} {name}".rstrip()


def _watch_table(console: "Console", look: Look, interval: float) -> None:
    from rich.live import Live

    rows = look()
    with Live(_table(rows, "", console.height), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(interval)
            seen, trouble = _look_again(look)
            rows = rows if seen is None else seen
            live.update(_table(rows, trouble, console.height), refresh=True)


def _table(rows: Sequence[Row], trouble: str, height: int) -> "RenderableType":
    """Return as many nodes as `height` lines hold, those that are not online first, and the sums."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True)
    fitting = max(1, height - _LINES_AROUND)
    shown = sorted(rows, key=lambda row: (row.get("PingStatus") == "Online", row["InstanceId"]))[:fitting]
    for row in shown:
        table.add_row(*(Text(printable(cell)) for cell in cells(row)))
    sums = Counter(str(row.get("PingStatus")) for row in rows)
    parts = [counted(len(rows), "node"), *(f"{count} {status}" for status, count in sorted(sums.items()))]
    if len(shown) < len(rows):
        parts.append(f"{len(rows) - len(shown)} not shown")
    parts.append(f"{_now():%H:%M:%S}")
    return Group(table, Text(", ".join(parts)), *([Text(trouble, style="bold")] if trouble else []))


def _look_again(look: Look) -> tuple[Sequence[Row] | None, str]:
    """Return what is seen, or None and why nothing is."""
    try:
        return look(), ""
    except Failure as failure:
        return None, failure.line


def _now() -> datetime:
    return datetime.now().astimezone()
