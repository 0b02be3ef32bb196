"""A person, a terminal, a slow path and a node, simulated: what is typed, predicted, echoed and shown."""

import copy
import heapq
import itertools
from collections.abc import Callable
from random import Random
from typing import Protocol

from ferryman.client.prediction.predictive_echo import PredictiveEcho
from ferryman.client.prediction.setting import Prediction
from tests.terminal_emulator import Emulator

LONGEST_ACKNOWLEDGEMENT_WAIT = 0.008


class Host(Protocol):
    """What runs on the node's terminal."""

    def start(self) -> bytes:
        """What it writes by itself."""

    def type(self, data: bytes) -> bytes:
        """What it writes when this is typed."""

    def resize(self, columns: int) -> bytes:
        """What it writes when the terminal's width changes."""


class World:
    """Drives one engine; after every step its screen without guesses must be the one without prediction.

    Guesses are only on the row of the cursor, and never on one that asks for a password.

    `delay` is the time one way; `chance` draws how output is cut into frames, how long acknowledgements wait, and how
    long the program takes.
    """

    def __init__(
        self,
        host: Host,
        chance: Random,
        *,
        columns: int = 24,
        rows: int = 6,
        delay: float = 0.1,
        when: Prediction = Prediction.ALWAYS,
        slowest_program: float = 0.0,
    ) -> None:
        self.now = 0.0
        self.echo = PredictiveEcho(columns, rows, when)
        self.screen = Emulator(columns, rows)
        self.plain = Emulator(columns, rows)
        """The screen without prediction."""
        self.round_trip: float | None = 2 * delay
        self.shown_at: list[tuple[float, bytes]] = []
        """What the person saw drawn at once, or when output came, and when."""
        self._host = host
        self._chance = chance
        self._delay = delay
        self._slowest_program = slowest_program
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._last_up = self._last_down = self._last_acknowledgement = 0.0
        self._consumed = self._acknowledged = 0
        self._downstream(host.start())

    # What a person does

    def type(self, data: bytes) -> None:
        sent = self.now
        self.echo.measured(self.round_trip)
        self._show(self.echo.typed(data, self.now))
        self._last_up = max(self._last_up, self.now + self._delay)
        self._at(self._last_up, lambda: self._arrived(data, sent))

    def type_each(self, keys: bytes, pause: float) -> None:
        for at in range(len(keys)):
            self.type(keys[at : at + 1])
            self.wait(pause)

    def resize(self, columns: int, rows: int) -> None:
        self._show(self.echo.resized(columns, rows))
        self.screen.resize(columns, rows)
        self.plain.resize(columns, rows)
        self._last_up = max(self._last_up, self.now + self._delay)
        self._at(self._last_up, lambda: self._downstream(self._host.resize(columns)))

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            timer = self.echo.next_timer()
            event = self._events[0][0] if self._events else None
            due = min((each for each in (timer, event) if each is not None), default=None)
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            if event is not None and event <= due:
                heapq.heappop(self._events)[2]()
            else:
                self._show(self.echo.tick(self.now))
            self._check()
        self.now = until
        self._check()

    def settle(self) -> None:
        """Wait until everything is echoed and acknowledged; then nothing is left of any guess."""
        self.wait(10.0)
        assert not self._events
        assert self.screen.content() == self.plain.content()

    # What happens

    def _at(self, when: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), act))

    def _arrived(self, data: bytes, sent: float) -> None:
        self._consumed += len(data)
        consumed = self._consumed
        pause = self._chance.uniform(0.0, self._slowest_program)
        output = self._host.type(data)
        self._at(self.now + pause, lambda: self._downstream(output))
        wait = self._chance.uniform(0.0, LONGEST_ACKNOWLEDGEMENT_WAIT)
        self._last_acknowledgement = max(self._last_acknowledgement, self.now + wait)
        self._at(self._last_acknowledgement, lambda: self._acknowledge(consumed, sent))

    def _acknowledge(self, consumed: int, sent: float) -> None:
        def arrive() -> None:
            self.round_trip = self.now - sent
            self._acknowledged = consumed
            self._look_at_acknowledgements()

        self._last_down = max(self._last_down, self.now + self._delay)
        self._at(self._last_down, arrive)

    def _downstream(self, output: bytes) -> None:
        while output:
            size = len(output) if self._chance.random() < 0.7 else self._chance.randint(1, len(output))
            part, output = output[:size], output[size:]
            self._last_down = max(self._last_down, self.now + self._delay)
            self._at(self._last_down, lambda part=part: self._receive(part))  # type: ignore[misc]

    def _receive(self, part: bytes) -> None:
        self.plain.feed(part)
        shown = self.echo.output(part, self.now)
        assert part in shown
        self._show(shown)
        self._look_at_acknowledgements()

    def _look_at_acknowledgements(self) -> None:
        """As the client does after every frame, whether it was one or not."""
        self._show(self.echo.acknowledged(self._acknowledged, self.now))

    def _show(self, data: bytes) -> None:
        self.screen.feed(data)
        if data:
            self.shown_at.append((self.now, data))

    def _check(self) -> None:
        screen, plain = self.screen.content(), self.plain.content()
        if screen == plain:
            return
        row, _ = self.plain.cursor
        assert "Password:" not in self.plain.lines[row]
        closed = self.screen.copy()
        closed.feed(copy.deepcopy(self.echo).close())
        assert closed.content() == plain
        assert screen["cursor"][0] == row
        del screen["rows"][row], plain["rows"][row]
        assert screen["rows"] == plain["rows"]
        assert screen["pen"] == plain["pen"]
