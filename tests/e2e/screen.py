"""What a person sees on a terminal, and what the replay of a recording shows, cell by cell."""

from collections.abc import Iterable, Sequence

import pyte

from tests.e2e.shell import Shell
from tests.waiting import wait_until


class Screen:
    """A terminal emulator: what a person sees after these bytes."""

    def __init__(self) -> None:
        self.emulator = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.emulator)
        self.fed = 0

    def catch_up(self, shown: bytes) -> None:
        """Show what is new in all that was shown since the beginning."""
        self.stream.feed(shown[self.fed :])
        self.fed = len(shown)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.emulator.display)

    @property
    def state(self) -> tuple[object, ...]:
        """Every cell with its colours, and where the cursor is."""
        columns, rows = self.emulator.columns, self.emulator.lines
        cells = [[self.emulator.buffer[row][column] for column in range(columns)] for row in range(rows)]
        return cells, (self.emulator.cursor.x, self.emulator.cursor.y), (columns, rows)


def replay(events: Iterable[Sequence[object]]) -> Screen:
    """The screen behind the events of a recording, as asciicast has them."""
    screen = Screen()
    for _, kind, data in events:
        if kind == "o":
            screen.stream.feed(str(data).encode())
        elif kind == "r":
            columns, rows = map(int, str(data).split("x"))
            screen.emulator.resize(rows, columns)
    return screen


def looked(shell: Shell, screen: Screen) -> str:
    """The text of the person's screen with all that has come by now."""
    shell.next("(?s).+")
    screen.catch_up(shell.seen)
    return screen.text


def until_shown(shell: Shell, screen: Screen, text: str) -> None:
    """Show the person what comes until the screen has this text."""
    wait_until(lambda: text in looked(shell, screen))
