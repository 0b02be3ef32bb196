"""The known content of the row that the cursor is on."""

from collections.abc import Iterable
from typing import NamedTuple

from ferryman.client.prediction.pen import DEFAULT_PEN, Pen

TAB = 8


class Cell(NamedTuple):
    """A known cell."""

    text: str
    """The character, empty if the cell was erased."""
    pen: Pen
    """The attributes it was written or erased with."""

    @property
    def blank(self) -> bool:
        """Whether nothing can be seen in it."""
        return self.text in ("", " ")


ERASED = Cell("", DEFAULT_PEN)
Cells = list[Cell | None]
"""Cells from column 0; None for one whose content is unknown."""


class CurrentRow:
    """The cells of one row, the cursor's column, and the attributes that the next character gets.

    `column` is None if unknown, and `columns` while the last column is written and the next character wraps. `pen` is
    None if unknown. `number` changes whenever the cursor may have come to another row. `below` is the largest number of
    rows below this one that may not be blank: a session starts at a prompt, with nothing below it.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self.cells: Cells = [ERASED] * columns
        self.column: int | None = 0
        self.pen: Pen | None = DEFAULT_PEN
        self.number = 0
        self.below = 0

    def copy_from(self, other: "CurrentRow") -> None:
        """Copy the row `other`, except for its number."""
        self.columns, self.rows = other.columns, other.rows
        self.cells, self.column, self.pen, self.below = list(other.cells), other.column, other.pen, other.below
        self.number += 1

    def lose(self) -> None:
        """Forget everything that was known."""
        self.leave(self.rows - 1)
        self.column = None
        self.pen = None

    def lose_column(self) -> None:
        """Forget the column, and the cell at it."""
        self.leave(self.below)
        self.column = None

    def go_up(self, count: int) -> None:
        """Go up `count` rows."""
        self.go_by(0)
        self.leave(self.below + count)

    def go_to_row(self, line: int) -> None:
        """Go to a row, counted from 1, in the same column."""
        self.go_by(0)
        self.leave(self.rows - line)

    def leave(self, below: int) -> None:
        """Move to an unknown row; only the number of rows below it that may not be blank is known."""
        self.number += 1
        self.cells = [None] * self.columns
        self.below = max(0, min(self.rows - 1, below))

    def resize(self, columns: int, rows: int) -> None:
        """Change the size. Terminals differ in what becomes of the row, but blank rows below stay blank."""
        at = self.column
        ends_here = at is not None and all(cell is not None and cell.blank for cell in self.cells[at:])
        self.columns, self.rows = columns, rows
        self.leave(self.below if ends_here and not self.below else rows - 1)
        self.column = None

    def write(self, text: str, *, known: bool = True) -> None:
        """Write narrow characters; `known` is False if the terminal shows others instead."""
        if self.column is None:
            self.lose_column()
            return
        while text:
            if self.column == self.columns:
                self.line_feed()
                self.column = 0
            part = text[: self.columns - self.column]
            pen = self.pen if known else None
            written: Iterable[Cell | None] = [None] * len(part) if pen is None else [Cell(each, pen) for each in part]
            self.cells[self.column : self.column + len(part)] = written
            self.column += len(part)
            text = text[len(part) :]

    def line_feed(self) -> None:
        """Go down a row, scrolling at the bottom."""
        if self.column == self.columns:
            self.column = None
        self.skip_lines(1)

    def skip_lines(self, count: int) -> None:
        """Go down `count` rows, at least one."""
        # A row that scrolls in may get the pen's background, one that is there does not.
        blank = self.below < count and self.pen == DEFAULT_PEN
        self.leave(self.below - count)
        if blank:
            self.cells = [ERASED] * self.columns

    def go_to(self, column: int) -> None:
        """Go to a column, at most the last."""
        self.column = max(0, min(self.columns - 1, column))

    def go_by(self, count: int) -> None:
        """Go `count` columns to the right, or to the left if negative."""
        if self.column == self.columns:
            self.column = None  # terminals differ
        if self.column is not None:
            self.go_to(self.column + count)

    def tab(self) -> None:
        """Go to the next tab stop."""
        if self.column is not None and self.column < self.columns:
            self.go_to(self.column + TAB - self.column % TAB)

    def erase(self, start: int, end: int) -> None:
        """Erase the cells from `start` to before `end`."""
        end = min(end, self.columns)
        cell = None if self.pen is None else Cell("", self.pen)
        self.cells[start:end] = [cell] * max(0, end - start)

    def erase_in_line(self, how: int) -> None:
        """Erase from the cursor (0), up to and with it (1), or the whole row (2)."""
        at = self._inside()
        if how == 2:
            self.erase(0, self.columns)
        elif at is not None and how < 2:
            self.erase(*((at, self.columns) if how == 0 else (0, at + 1)))

    def erase_in_display(self, how: int) -> None:
        """Erase what is below the cursor (0), above it (1), everything (2), or what was scrolled away (3)."""
        if how < 3:
            self.erase_in_line(how)
        if how in (0, 2):
            self.below = 0 if self.pen == DEFAULT_PEN else self.rows - 1

    def erase_characters(self, count: int) -> None:
        """Erase `count` cells from the cursor on."""
        at = self._inside()
        if at is not None:
            self.erase(at, at + count)

    def delete_characters(self, count: int) -> None:
        """Delete `count` cells at the cursor; cells to the right of them move left."""
        at = self._inside()
        if at is not None:
            del self.cells[at : at + count]
            self._fill()

    def insert_characters(self, count: int) -> None:
        """Insert `count` erased cells at the cursor; cells from the cursor on move right."""
        at = self._inside()
        if at is not None:
            cell = None if self.pen is None else Cell("", self.pen)
            count = min(count, self.columns - at)
            self.cells[at:] = [*[cell] * count, *self.cells[at : self.columns - count]]

    def _inside(self) -> int | None:
        """The column; if it is unknown or past the end, where terminals differ, the row is unknown from now on."""
        if self.column is None or self.column == self.columns:
            self.cells = [None] * self.columns
            self.column = None
        return self.column

    def _fill(self) -> None:
        cell = None if self.pen is None else Cell("", self.pen)
        self.cells += [cell] * (self.columns - len(self.cells))
