"""Lets a person choose a node on a terminal: type to filter, move with the arrows, choose with Enter."""

import codecs
import os
import select
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

from ferryman.cli.output.redrawn import Redrawn
from ferryman.cli.output.tables import Column, lay_out
from ferryman.cli.program.help_page import is_coloured
from ferryman.client.calls.targets import Target
from ferryman.model.failures import Failure
from ferryman.model.values.text import printable

COLUMNS = (Column("Name"), Column("Status", is_state=True), Column("Node"), Column("Computer", rank=1))
MOST_ROWS = 15
_AROUND = 4
"""Lines for the question, the heading, the help and the prompt below."""
_ESCAPE_SECONDS = 0.05
"""A byte that follows the Escape key later than this is a key of its own."""
_KEYS = {
    **dict.fromkeys(("\x1b[A", "\x1bOA", "\x10"), "up"),
    **dict.fromkeys(("\x1b[B", "\x1bOB", "\x0e", "\t"), "down"),
    **dict.fromkeys(("\r", "\n"), "enter"),
    **dict.fromkeys(("\x7f", "\x08"), "erase"),
    **dict.fromkeys(("\x1b", "\x04"), "cancel"),
    "\x15": "clear",
}


@dataclass(slots=True)
class Choice:
    """The state of a choice: the typed text, and the marked one among the matching nodes."""

    nodes: Sequence[Target]
    typed: str = ""
    marked: int = 0
    chosen: Target | None = field(default=None, init=False)

    def matching(self) -> list[Target]:
        """Return the nodes that have every typed word in their name, computer name or id; those online first."""
        words = self.typed.lower().split()
        found = [
            node
            for node in self.nodes
            if all(word in f"{node.name} {node.computer_name} {node.node_id}".lower() for word in words)
        ]
        return sorted(found, key=lambda node: (not node.online, node.name.lower(), node.node_id))

    def press(self, key: str) -> None:
        """Handle a key of `_KEYS`, or text."""
        found = self.matching()
        if key == "enter":
            self.chosen = found[self.marked] if found else None
        elif key in ("up", "down"):
            step = 1 if key == "down" else -1
            self.marked = (self.marked + step) % len(found) if found else 0
        else:
            if key == "erase":
                self.typed = self.typed[:-1]
            elif key == "clear":
                self.typed = ""
            elif key.isprintable():
                self.typed += key
            self.marked = 0

    def lines(self, width: int, height: int, *, coloured: bool) -> list[str]:
        """Return the lines to show, at most `height`."""
        found = self.matching()
        room = max(1, min(MOST_ROWS, height - _AROUND))
        first = max(0, min(self.marked - room // 2, len(found) - room))
        shown = found[first : first + room]
        cells = [
            [
                printable(each)
                for each in (node.name, "Online" if node.online else "Offline", node.node_id, node.computer_name)
            ]
            for node in shown
        ]
        table = lay_out(COLUMNS, cells, width - 2, coloured=coloured)
        rows = [f"{'>' if first + at == self.marked else ' '} {row}" for at, row in enumerate(table.rows)]
        sums = f"{len(found)} of {len(self.nodes)} nodes. Type to filter; arrows and Enter choose, Esc cancels."
        return [f"Node: {printable(self.typed)}", f"  {table.heading}", *rows, sums]


def pick_node(nodes: Sequence[Target]) -> Target:
    """Let the person choose one of `nodes`. Raises Failure without a terminal, KeyboardInterrupt if they cancel."""
    if sys.platform == "win32" or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Failure(
            "No node was named", "there is no terminal to choose one on", "Name one: `ferryman nodes` lists them"
        )
    if not nodes:
        raise Failure("No nodes are registered", "", "Create an activation with `ferryman activation create`")
    choice = Choice(nodes)
    with _keys() as keys, Redrawn(sys.stderr) as screen:
        try:
            while choice.chosen is None:
                size = shutil.get_terminal_size()
                screen.draw(choice.lines(size.columns, size.lines, coloured=is_coloured()))
                key = next(keys)
                if key == "cancel":
                    raise KeyboardInterrupt
                choice.press(key)
        finally:
            screen.clear()
    return choice.chosen


@contextmanager
def _keys() -> Iterator[Iterator[str]]:
    """Yield the keys that are pressed; the terminal is as it was afterwards, also after a signal."""
    import termios
    import tty

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    handlers = {number: signal.signal(number, _end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setcbreak(terminal)
        changed = termios.tcgetattr(terminal)
        changed[6][termios.VSUSP] = b"\x00"  # suspended, it would leave the terminal in this mode
        termios.tcsetattr(terminal, termios.TCSADRAIN, changed)
        yield _pressed(terminal)
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def _pressed(terminal: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    while data := os.read(terminal, 64):
        if data == b"\x1b" and select.select([terminal], [], [], _ESCAPE_SECONDS)[0]:
            data += os.read(terminal, 64)
        text = decoder.decode(data)
        if text in _KEYS:
            yield _KEYS[text]
        elif not text.startswith("\x1b"):
            for character in text:  # pasted, or typed quickly
                yield _KEYS.get(character, character)
    yield "cancel"
