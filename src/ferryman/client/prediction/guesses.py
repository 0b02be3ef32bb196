"""Guesses the effect of a key in a line editor: a character inserted at the cursor, or the one before it deleted."""

from dataclasses import dataclass

from ferryman.client.prediction.current_row import ERASED, Cell, Cells
from ferryman.client.prediction.keys import Key
from ferryman.client.prediction.pen import Pen, underlined


@dataclass(frozen=True, slots=True)
class Guess:
    """The expected effect of one key on the row of the cursor."""

    end: int
    """How many bytes were typed up to and with the key."""
    epoch: int
    column: int
    """The cursor's column after it."""
    before: dict[int, Cell]
    """The cells that it changes, as they were."""
    after: dict[int, Cell]
    """The same cells as they will be, the typed character underlined."""
    typed_at: int | None
    """Where a character was typed; None for Backspace."""


def guess(key: Key, end: int, epoch: int, cells: Cells, column: int, pen: Pen) -> Guess | None:
    """Return the effect of `key` at `column` of a row; None if it is unknown or would touch the last column."""
    rest = _end_of_text(cells, column)
    if rest is None:
        return None
    moved = [cell for cell in cells[column:rest] if cell is not None]
    if key.erases:
        start, new = column - 1, [*moved, ERASED]
        column -= 1
    else:
        start, new = column, [Cell(key.text, underlined(pen)), *moved]
        column += 1
    if start < 0 or start + len(new) >= len(cells):
        return None
    known = {start + at: cell for at in range(len(new)) if (cell := cells[start + at]) is not None}
    if len(known) < len(new):
        return None
    after = {start + at: cell for at, cell in enumerate(new)}
    return Guess(end, epoch, column, known, after, None if key.erases else start)


def _end_of_text(cells: Cells, column: int) -> int | None:
    """Where the text at the cursor ends: at two blanks, which separate it from a prompt at the right margin."""
    for at in range(column, len(cells) - 1):
        first, second = cells[at], cells[at + 1]
        if first is None or second is None:
            return None
        if first.blank and second.blank:
            return at
    return None
