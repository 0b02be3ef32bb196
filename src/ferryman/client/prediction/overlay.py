"""Draws guesses over the row of the cursor, and takes them away again."""

from ferryman.client.prediction.current_row import ERASED, Cell, CurrentRow
from ferryman.client.prediction.pen import Pen, sequence


class Overlay:
    """The cells that are drawn over a row, by column, and the terminal's cursor if it is not at the row's own column.

    The row must be known where it is drawn over, stay the same until `hide`, and have its cursor before the end of the
    line. Cursor movements are relative, and nothing touches the last column, where terminals differ.
    """

    def __init__(self, row: CurrentRow) -> None:
        self._row = row
        self._cells: dict[int, Cell] = {}
        self._column: int | None = None
        """The terminal's cursor; None at the row's own column."""

    def hide(self) -> bytes:
        """Return the bytes that make the screen show the row itself."""
        return self.show({}, None)

    def show(self, cells: dict[int, Cell], column: int | None) -> bytes:
        """Return the bytes that draw these cells instead of the current ones, with the cursor at `column`, None for its
        own."""
        if (cells, column) == (self._cells, self._column):
            return b""
        own, pen = self._row.column, self._row.pen
        if own is None or pen is None:
            raise ValueError("the row is unknown")
        drawing = _Drawing(own if self._column is None else self._column, pen)
        for at in sorted(self._cells.keys() | cells.keys()):
            beneath = self._row.cells[at] or ERASED
            wanted = cells.get(at, beneath)
            if wanted != self._cells.get(at, beneath):
                drawing.draw(at, wanted)
        drawing.finish(own if column is None else column, pen)
        self._cells, self._column = dict(cells), column
        return bytes(drawing.output)

    def forget(self) -> None:
        """Note that nothing is drawn any longer, because something else has used the terminal."""
        self._cells, self._column = {}, None


class _Drawing:
    """Bytes that draw cells, from a cursor's column and attributes on."""

    def __init__(self, column: int, pen: Pen) -> None:
        self.output = bytearray()
        self._column = column
        self._pen = pen
        self._erased = 0
        """How many cells from the cursor on are to be erased."""

    def draw(self, column: int, cell: Cell) -> None:
        if self._erased and (cell.text or cell.pen != self._pen or column != self._column + self._erased):
            self._erase()
        if not self._erased:
            self._go_to(column)
            self._use(cell.pen)
        if cell.text:
            self.output += cell.text.encode()
            self._column += 1
        else:
            self._erased += 1

    def finish(self, column: int, pen: Pen) -> None:
        self._erase()
        self._use(pen)
        self._go_to(column)

    def _erase(self) -> None:
        if self._erased:
            self.output += b"\x1b[%dX" % self._erased
            self._erased = 0

    def _use(self, pen: Pen) -> None:
        if pen != self._pen:
            self._pen = pen
            self.output += sequence(pen)

    def _go_to(self, column: int) -> None:
        distance = column - self._column
        if distance:
            self.output += b"\x1b[%d%c" % (abs(distance), b"C" if distance > 0 else b"D")
        self._column = column
