"""Predictive echo on a person's terminal: connects `client.prediction` to the screen, the far end and the clock."""

import asyncio
import time

from ferryman.client.plugin.tty.screen import Screen
from ferryman.client.plugin.tty.terminal import window_size
from ferryman.client.prediction.predictive_echo import PredictiveEcho
from ferryman.client.prediction.setting import Prediction
from ferryman.client.session.far_end import FarEnd


class LocalEcho:
    """Shows typed characters before the far end echoes them. Create it in a running loop, before the first output."""

    def __init__(self, screen: Screen, far_end: FarEnd, when: Prediction) -> None:
        self._screen = screen
        self._far_end = far_end
        size = window_size(screen.descriptors.stdout)
        self._echo = PredictiveEcho(size.columns, size.rows, when)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        screen.filter_output(self._on_output)

    def typed(self, data: bytes) -> None:
        """Guess the effect of `data`, which is about to be sent."""
        self._echo.measured(self._far_end.round_trip)
        self._draw(self._echo.typed(data, time.monotonic()))

    def acknowledged(self) -> None:
        """Check what the far end has acknowledged; call it after every frame."""
        if self._echo.awaits_acknowledgement:
            self._draw(self._echo.acknowledged(self._far_end.delivered_input, time.monotonic()))

    def size_may_have_changed(self) -> None:
        """Start again on a terminal of another size."""
        size = window_size(self._screen.descriptors.stdout)
        self._draw(self._echo.resized(size.columns, size.rows))

    def interrupted(self) -> None:
        """Start again: another program had the terminal."""
        self._echo.interrupted()

    def close(self) -> None:
        """Take all guesses away, and stop guessing; idempotent."""
        self._draw(self._echo.close())

    def _on_output(self, data: bytes) -> bytes:
        shown = self._echo.output(data, time.monotonic())
        self._set_timer()
        return shown

    def _draw(self, data: bytes) -> None:
        if data:
            self._screen.draw(data)
        self._set_timer()

    def _set_timer(self) -> None:
        due = self._echo.next_timer()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - time.monotonic()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._draw(self._echo.tick(time.monotonic()))
