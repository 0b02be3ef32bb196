"""Help pages as text: sections of names and descriptions, as wide as the terminal. Imports no command."""

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.cli.program.catalogue import ENTRIES, EXAMPLES, PANELS
from ferryman.model.values.versions import AGENT_VERSION, CLIENT_VERSION, PRODUCT_VERSION

WIDEST = 100
"""Longer lines are hard to read."""
NAME_COLUMN = 24
"""The widest column of names; the text of a longer name begins on the next line."""
HELP_ROW = ("-h, --help", "Show this message and exit.")
OPTIONS_OF_ALL = (
    ("--context CONTEXT", "The context to use; see `ferryman context`. [env: FERRYMAN_CONTEXT]"),
    ("--debug", "Show the traceback of an error. [env: FERRYMAN_DEBUG]"),
    ("-V, --version", "Show the version and exit."),
    HELP_ROW,
)
ABOUT = (
    "Ferryman opens shells, runs commands, copies files and forwards ports on your machines, through your own server."
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with rows of a name and its description."""

    title: str
    rows: Sequence[tuple[str, str]]


def version_line() -> str:
    """The product's version, and those that peers see."""
    return f"ferryman {PRODUCT_VERSION} (to peers: client {CLIENT_VERSION}, agent {AGENT_VERSION})"


def first_page() -> str:
    """The page of `ferryman --help`."""
    panels = [
        Section(f"{title}: {about}", [(name, entry.summary) for name, entry in ENTRIES.items() if entry.panel == title])
        for title, about in PANELS.items()
    ]
    sections = [*panels, Section("Options:", OPTIONS_OF_ALL)]
    return page("ferryman [OPTIONS] COMMAND [ARGUMENTS]...", ABOUT, sections, EXAMPLES[""], more=True)


def page(usage: str, text: str, sections: Sequence[Section], examples: Sequence[str], *, more: bool = False) -> str:
    """Return a help page. With `more` it ends in how to get the help of one command."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    parts = [_wrapped(f"Usage: {usage}", width, hanging="         ")]
    paragraphs = [" ".join(each.split()) for each in text.split("\n\n")]
    parts += [_wrapped(each, width) for each in paragraphs if each]
    parts += [f"{_bold(each.title)}\n{_rows(each.rows, width)}" for each in sections if each.rows]
    if examples:
        parts.append(
            "\n".join([_bold("Examples:" if len(examples) > 1 else "Example:"), *(f"  {each}" for each in examples)])
        )
    if more:
        parts.append("Run `ferryman help COMMAND` for the options and examples of a command.")
    return "\n\n".join(parts) + "\n"


def _rows(rows: Sequence[tuple[str, str]], width: int) -> str:
    column = min(NAME_COLUMN, max(len(name) for name, _ in rows))
    margin = " " * (column + 4)
    lines = []
    for name, text in rows:
        wrapped = _wrapped(text, width, first=margin, hanging=margin)
        if len(name) <= column:
            lines.append(f"  {name:<{column}}  {wrapped.removeprefix(margin)}".rstrip())
        else:
            lines += [f"  {name}", wrapped]
    return "\n".join(lines)


def _wrapped(text: str, width: int, *, first: str = "", hanging: str = "") -> str:
    """Return `text` in lines of at most `width`; words that are longer are left whole."""
    lines, line = [], first
    start = True
    for word in text.split():
        if not start and len(line) + 1 + len(word) > width:
            lines.append(line)
            line, start = hanging, True
        line += word if start else f" {word}"
        start = False
    return "\n".join([*lines, line])


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if is_coloured() else text


def is_coloured() -> bool:
    """Whether standard output may get colours: it is a terminal, and https://no-color.org does not forbid them."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
