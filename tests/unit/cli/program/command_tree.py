"""Every command of `ferryman`, imported."""

from collections.abc import Iterator
from typing import Any

import typer

from ferryman.cli.app import app
from ferryman.cli.program.commands import Group

ROOT: Any = typer.main.get_command(app)


def _tree(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, each in (command.subcommands() if isinstance(command, Group) else {}).items():
        yield from _tree(each, f"{path} {name}".strip())


EVERY: dict[str, Any] = dict(_tree(ROOT, ""))
"""By the name below `ferryman`, which is "" for itself."""
