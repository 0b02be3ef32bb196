"""`make bench`: every benchmark here, as a table with ratios and bars, and as JSON in `benchmarks/results/`.

A benchmark is a module in one of this directory's folders with `run() -> list[Measurement]`. Names on the command line
choose some: `python -m benchmarks echo` runs `sessions/echo.py`.
Exits with 1 if a bar is missed.
"""

import importlib
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.measurement import Measurement

HERE = Path(__file__).parent
SIGNS = {True: "kept", False: "MISSED", None: ""}


def main(chosen: list[str]) -> int:
    folders = {path.stem: path.parent.name for path in HERE.glob("*/*.py") if "\ndef run(" in path.read_text()}
    names = sorted(folders)
    unknown = set(chosen) - set(names)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}.")
    console = Console(stderr=True)
    found: dict[str, list[Measurement]] = {}
    for name in chosen or names:
        module = importlib.import_module(f"benchmarks.{folders[name]}.{name}")
        console.print(f"running {name} …")
        started = time.monotonic()
        found[name] = module.run()
        console.print(f"  took {time.monotonic() - started:.0f} s")
    show(found)
    path = write(found)
    console.print(f"JSON: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return int(any(each.holds is False for rows in found.values() for each in rows))


def show(found: dict[str, list[Measurement]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Benchmark", "Measured", "Peer", "Peer's", "Ratio", "Bar", "", "Note"):
        table.add_column(heading, justify="right" if heading in {"Measured", "Peer's", "Ratio"} else "left")
    for rows in found.values():
        for each in rows:
            table.add_row(
                each.name,
                f"{each.value:.4g} {each.unit}",
                each.peer,
                "" if each.peer_value is None else f"{each.peer_value:.4g} {each.unit}",
                "" if each.ratio is None else f"{each.ratio:.2f} ×",
                str(each.bar or ""),
                SIGNS[each.holds],
                each.note,
            )
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def write(found: dict[str, list[Measurement]]) -> Path:
    directory = HERE / "results"
    directory.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = directory / f"{now:%Y%m%dT%H%M%SZ}.json"
    document = {
        "at": now.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "measurements": {name: [each.as_members() for each in rows] for name, rows in found.items()},
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
