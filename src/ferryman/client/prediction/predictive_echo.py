"""Decides which guesses are made, shown, confirmed and withdrawn.

Guesses belong to epochs. A new epoch begins with every key whose effect cannot be guessed (Enter, Tab, arrows, control
characters), with every guess that was wrong, and with output that was not expected. Nothing of an epoch is shown until
the node has echoed a visible character of it, and acknowledged the key: so input that a program does not echo, such as
a password, is never shown.
"""

from ferryman.client.prediction.current_row import Cell, Cells
from ferryman.client.prediction.guesses import Guess, guess
from ferryman.client.prediction.keys import Key, KeyParser
from ferryman.client.prediction.overlay import Overlay
from ferryman.client.prediction.path import PathSpeed
from ferryman.client.prediction.setting import Prediction
from ferryman.client.prediction.terminal import Terminal

GRACE = 0.03
"""Seconds from the acknowledgement of a key to its echo. The node acknowledges a key when a program can read it."""
MOST_KEYS = 100
"""Keys under way that are remembered; with more, nothing is predicted until all are acknowledged."""


class PredictiveEcho:
    """The guesses of one session on a terminal of this size.

    Methods return the bytes to write to the terminal now, after everything returned before; `output` returns its
    argument, whole and unchanged, between bytes that take guesses away and bytes that draw them again. `now` is
    monotonic seconds; call `tick` at `next_timer`.
    """

    def __init__(self, columns: int, rows: int, when: Prediction = Prediction.AUTO) -> None:
        self._when = when
        self._path = PathSpeed()
        self._terminal = Terminal(columns, rows)
        self._row = self._terminal.row
        self._overlay = Overlay(self._row)
        self._parser = KeyParser()
        self._typed = 0
        self._acknowledged = 0
        self._blocked_until = 0
        """Up to this typed byte, the effect of the input is unknown until it is acknowledged."""
        self._keys: list[tuple[int, Key]] = []
        """Keys after that which are neither acknowledged nor echoed, each with the typed bytes up to and with it."""
        self._guesses: list[Guess] = []
        self._expected: Cells = []
        """The row's cells after all guesses, if there are any."""
        self._start: tuple[int, int | None] = (0, 0)
        """The row's number and column when the last output was as expected: before the first of the guesses."""
        self._epoch = 1
        self._confirmed_epoch = 0
        self._echoed: int | None = None
        """The typed bytes up to a key of this epoch that seems to have been echoed."""
        self._editable: tuple[int, int] = (0, 0)
        """The row's number, and the column from which on its text was typed."""
        self._deadline: float | None = None

    @property
    def awaits_acknowledgement(self) -> bool:
        """Whether an acknowledgement may change what is shown."""
        return self._acknowledged < self._typed

    def typed(self, data: bytes, now: float) -> bytes:
        """Guess the effect of typing `data`."""
        for key in self._parser.feed(data):
            self._typed += key.size
            if not key.is_predictable or len(self._keys) >= MOST_KEYS:
                self._block()
                continue
            self._keys.append((self._typed, key))
            if self._guesses and not self._is_blocked:
                self._guess(self._typed, key)
        return self._updated(now)

    def output(self, data: bytes, now: float) -> bytes:
        """Show output of the session, or of the client itself."""
        if not self._guesses:
            self._terminal.push(data)
            return data
        before = self._overlay.hide()
        self._terminal.push(data)
        self._terminal.catch_up()
        count = self._matching(0)
        if count is None:
            self._withdraw()
        elif count:
            self._confirm(count, now)
        return before + data + self._shown()

    def measured(self, round_trip: float | None) -> None:
        """Note the smoothed round trip in seconds, None without a measurement; it matters from the next key on."""
        self._path.measured(round_trip)

    def acknowledged(self, size: int, now: float) -> bytes:
        """Note that the node has acknowledged `size` typed bytes so far."""
        self._acknowledged = max(self._acknowledged, size)
        self._keys = [each for each in self._keys if each[0] > self._acknowledged]
        if self._echoed is not None and self._echoed <= self._acknowledged:
            self._confirmed_epoch = self._epoch
        self._settle(now, final=False)
        return self._updated(now)

    def tick(self, now: float) -> bytes:
        """Withdraw guesses whose echo should have come."""
        if self._deadline is None or now < self._deadline:
            return b""
        self._settle(now, final=True)
        return self._updated(now)

    def next_timer(self) -> float | None:
        """Return when to call `tick`, None for never."""
        return self._deadline

    def resized(self, columns: int, rows: int) -> bytes:
        """Note the terminal's new size, as soon as it has it."""
        if (columns, rows) == (self._row.columns, self._row.rows):
            return b""
        before = self._overlay.hide()
        self._withdraw()
        self._terminal.resize(columns, rows)
        return before

    def interrupted(self) -> None:
        """Note that something else has used the terminal."""
        self._overlay.forget()
        self._withdraw()
        self._terminal.lose()

    def close(self) -> bytes:
        """Take all guesses away, and stop guessing."""
        self._when = Prediction.NEVER
        self._withdraw()
        return self._overlay.hide()

    @property
    def _is_on(self) -> bool:
        return self._when is Prediction.ALWAYS or (self._when is Prediction.AUTO and self._path.is_slow)

    @property
    def _is_blocked(self) -> bool:
        return self._acknowledged < self._blocked_until

    def _block(self) -> None:
        """Guess nothing until all that was typed is acknowledged, and then begin a new epoch."""
        self._blocked_until = self._typed
        self._keys.clear()
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        self._epoch += 1
        self._echoed = None

    def _withdraw(self) -> None:
        """Drop all guesses, and begin a new epoch."""
        self._guesses.clear()
        self._deadline = None
        self._begin_epoch()

    def _updated(self, now: float) -> bytes:
        """Guess from the present row if there are no guesses, and return the bytes that update the screen."""
        if not self._is_on:
            if self._guesses:
                self._withdraw()
        elif not self._guesses and self._keys and not self._is_blocked:
            self._guess_again()
        return self._shown()

    def _guess_again(self) -> None:
        """Guess the effect of the keys under way on the row as it is now."""
        self._terminal.catch_up()
        if not self._terminal.is_ready:
            return
        row = self._row
        if self._start != (row.number, row.column):
            self._begin_epoch()
            self._start = (row.number, row.column)
        for end, key in list(self._keys):
            if not self._guess(end, key):
                return

    def _guess(self, end: int, key: Key) -> bool:
        """Add the guess for a key; if there can be none, block and return False."""
        if not self._guesses:
            self._expected = list(self._row.cells)
        cells, pen = self._expected, self._row.pen
        column = self._guesses[-1].column if self._guesses else self._row.column
        made = None
        if pen is not None and column is not None and not (key.erases and column <= self._first_editable()):
            made = guess(key, end, self._epoch, cells, column, pen)
        if made is None:
            self._block()
            return False
        self._add(made)
        return True

    def _add(self, made: Guess) -> None:
        self._guesses.append(made)
        for at, cell in made.after.items():
            self._expected[at] = cell

    def _first_editable(self) -> int:
        number, column = self._editable
        start = self._start[1] or 0
        return min(column, start) if number == self._row.number else start

    def _matching(self, least: int) -> int | None:
        """Return how many guesses have come true, the smallest such number from `least` on; None if none fits."""
        row = self._row
        if row.number != self._start[0] or row.column is None:
            return None
        expected: dict[int, Cell] = {}
        for each in reversed(self._guesses):
            expected |= each.before
        for count in range(len(self._guesses) + 1):
            if count:
                expected |= self._guesses[count - 1].after
            column = self._guesses[count - 1].column if count else self._start[1]
            if count >= least and column == row.column and self._row_has(expected):
                return count
        return None

    def _row_has(self, expected: dict[int, Cell]) -> bool:
        cells = self._row.cells
        for at, cell in expected.items():
            real = cells[at]
            if real is None or (real.text or " ") != (cell.text or " "):
                return False
        return True

    def _confirm(self, count: int, now: float) -> None:
        """Drop the first `count` guesses, which have come true."""
        if self._editable[0] != self._row.number:
            self._editable = (self._row.number, self._start[1] or 0)
        original: dict[int, Cell] = {}
        for each in reversed(self._guesses[:count]):
            original |= each.before
        for each in self._guesses[:count]:
            if each.epoch == self._epoch and self._has_appeared(each, original):
                self._echoed = each.end
        self._keys = [each for each in self._keys if each[0] > self._guesses[count - 1].end]
        left = self._guesses[count:]
        self._guesses.clear()
        self._expected = list(self._row.cells)
        for each in left:
            self._add(each)
        self._start = (self._row.number, self._row.column)
        self._deadline = None
        if self._echoed is not None and self._echoed <= self._acknowledged:
            self._confirmed_epoch = self._epoch
        self._settle(now, final=False)

    def _has_appeared(self, made: Guess, original: dict[int, Cell]) -> bool:
        """Whether a visible character was echoed: it was not there before, and has not been deleted since."""
        at = made.typed_at
        real = None if at is None else self._row.cells[at]
        return at is not None and real is not None and not real.blank and real.text != original[at].text

    def _settle(self, now: float, *, final: bool) -> None:
        """Look whether the guesses for acknowledged keys have come true; if not, and it is `final`, they were wrong."""
        due = sum(each.end <= self._acknowledged for each in self._guesses)
        if not due:
            return
        count = self._matching(due)
        if count is not None:
            self._confirm(count, now)
        elif final:
            self._withdraw()
        elif self._deadline is None:
            self._deadline = now + GRACE

    def _shown(self) -> bytes:
        """Return the bytes that show the guesses of confirmed epochs, and no others."""
        cells: dict[int, Cell] = {}
        column = None
        if self._terminal.is_ready:
            for each in self._guesses:
                if each.epoch <= self._confirmed_epoch:
                    cells |= each.after
                    column = each.column
        return self._overlay.show(cells, column)
