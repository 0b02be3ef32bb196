"""`ferryman nodes --watch`: a table that is redrawn on a terminal, and one line for each change elsewhere."""

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ferryman.cli.manage.node_rows import COLUMNS, cells
from ferryman.cli.output.printing import print_document, print_error, print_lines
from ferryman.cli.output.redrawn import Redrawn
from ferryman.cli.output.tables import lay_out, plain
from ferryman.cli.program.help_page import is_coloured
from ferryman.model.failures import Failure, counted
from ferryman.model.values.text import printable

Row = Mapping[str, Any]
Look = Callable[[], Sequence[Row]]

_WATCHED = ("PingStatus", "Name", "ComputerName", "IPAddress", "PlatformName", "PlatformVersion", "AgentVersion")
"""The members whose change is shown; the time of the last ping is not among them."""
_GONE = "Deregistered"
_LINES_AROUND = 4
"""Lines of a terminal for the heading, the totals, an error and the prompt."""


def watch_nodes(look: Look, interval: float, *, as_json: bool) -> None:
    """List the nodes every `interval` seconds until interrupted: as a table on a terminal, as lines elsewhere.

    `look` returns DescribeInstanceInformation's rows. Its first Failure ends this; later ones are shown, and it looks
    again.
    """
    if sys.stdout.isatty() and not as_json:
        _watch_table(look, interval)
    else:
        _watch_lines(look, interval, as_json=as_json)


def changes(before: Mapping[str, Row], rows: Sequence[Row]) -> Iterator[Row]:
    """Yield the rows that are new or changed since `before` (by id); removed nodes have PingStatus Deregistered."""
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


def _watch_table(look: Look, interval: float) -> None:
    rows, trouble = look(), ""
    with Redrawn(sys.stdout) as screen:
        while True:
            size = shutil.get_terminal_size()
            screen.draw(table(rows, trouble, size.columns, size.lines, coloured=is_coloured()))
            time.sleep(interval)
            seen, trouble = _look_again(look)
            rows = rows if seen is None else seen


def table(rows: Sequence[Row], trouble: str, width: int, height: int, *, coloured: bool = False) -> list[str]:
    """Return lines: as many nodes as `height` lines hold, those that are not online first, the sums, any trouble."""
    fitting = max(1, height - _LINES_AROUND)
    shown = sorted(rows, key=lambda row: (row.get("PingStatus") == "Online", row["InstanceId"]))[:fitting]
    laid_out = lay_out(COLUMNS, [[printable(cell) for cell in cells(row)] for row in shown], width, coloured=coloured)
    sums = Counter(str(row.get("PingStatus")) for row in rows)
    parts = [counted(len(rows), "node"), *(f"{count} {status}" for status, count in sorted(sums.items()))]
    if len(shown) < len(rows):
        parts.append(f"{len(rows) - len(shown)} not shown")
    parts.append(f"{_now():%H:%M:%S}")
    return [laid_out.heading, *laid_out.rows, printable(", ".join(parts)), *([printable(trouble)] if trouble else [])]


def _look_again(look: Look) -> tuple[Sequence[Row] | None, str]:
    """Return the rows, or None and the reason why there are none."""
    try:
        return look(), ""
    except Failure as failure:
        return None, failure.line


def _now() -> datetime:
    return datetime.now().astimezone()
