"""Handles a shell or a command on a terminal: sends typed input, shows output."""

import os
import signal
from typing import TYPE_CHECKING

from ferryman.channel.events import OutputReceived
from ferryman.client.plugin import texts
from ferryman.client.plugin.endings import FAILED, NORMAL, Ending
from ferryman.client.plugin.session_handler import SessionContext
from ferryman.client.plugin.signals import KEYS_BY_NAME
from ferryman.client.plugin.tty.end_of_input import EndOfInput
from ferryman.client.plugin.tty.escape import Escape, EscapeParser
from ferryman.client.plugin.tty.stdin import Upstream
from ferryman.client.plugin.tty.terminal import RawTerminal, WindowSize, is_terminal, window_size
from ferryman.client.prediction.setting import Prediction
from ferryman.client.session.exit_code import exit_code
from ferryman.model.session_types import SessionType
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import Size, encode_payload

if TYPE_CHECKING:
    from ferryman.client.plugin.local_echo import LocalEcho

SIMPLE_TERMINALS = ("", "dumb", "unknown")
"""Values of TERM for terminals on which nothing can be drawn and taken away again."""


class Shell:
    """The person's end of a remote terminal."""

    needs_output = True
    ends_with_parent = True
    ends_by_flag = False

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._screen = context.screen
        self._far_end = context.far_end
        descriptors = context.screen.descriptors
        self._sizes_of = (descriptors.stdout, descriptors.stdin)
        self.attended = is_terminal(descriptors.stdin)
        self._input = Upstream(descriptors.stdin, context.far_end, self._input_ended, self._typed)
        self._terminal = RawTerminal(descriptors.stdin)
        self._escapes = EscapeParser()
        self._last_byte = ord("\n")
        self._sent_size: WindowSize | None = None
        self._size_due = True
        self._status: int | None = None
        self._tells_status = (
            context.settings.shell_status or context.started.session_type != SessionType.STANDARD_STREAM
        )
        self._end_of_input: EndOfInput | None = None
        context.screen.choose(data_only=False)
        self._local_echo: LocalEcho | None = None
        if self.attended:
            self._terminal.enter()
            self._screen.raw = True
            self._local_echo = _local_echo(context)

    def on_output(self, event: OutputReceived) -> None:
        """Show the program's output."""
        if self._end_of_input is not None:
            self._end_of_input.output_arrived()
        match event.payload_type:
            case PayloadType.OUTPUT | PayloadType.ERROR:
                self._screen.show(event.payload, event.sequence_number)
            case PayloadType.STD_ERR:
                self._screen.show_error(event.payload, event.sequence_number)
            case PayloadType.EXIT_CODE:
                self._status = exit_code(event.payload) if self._tells_status else NORMAL
                self._screen.skip(event.sequence_number)
            case _:
                self._screen.skip(event.sequence_number)

    def flush(self) -> None:
        """Send waiting input and the terminal's size, and read more if little is left."""
        if self._context.endings.announced:
            return
        if self._local_echo is not None:
            self._local_echo.acknowledged()
        if self._size_due and self._far_end.capacity():
            self._send_size()
        self._input.flush()

    def on_signal(self, number: signal.Signals) -> None:
        """Send the key that the signal stands for, or the terminal's new size."""
        match number.name:
            case "SIGWINCH":
                self._size_may_have_changed()
            case "SIGCONT":
                # While the process was stopped, a shell had the terminal.
                self._terminal.renew()
                if self._local_echo is not None:
                    self._local_echo.interrupted()
                self._size_may_have_changed()
            case "SIGINT" | "SIGQUIT" | "SIGTSTP" as name:
                self._press(KEYS_BY_NAME[name])
            case _:
                self._leave_raw_mode()

    def ending(self, output: str, *, lost: bool) -> Ending:
        """End with AWS's text; a program without an exit status has failed if its node reports exit statuses."""
        told = self._context.started.agreed.exit_code
        return self._context.ended_with(self._status, output, lost=lost or told)

    async def finish(self) -> None:
        """Show everything that has arrived, then restore the terminal."""
        try:
            self._stop_reading()
            await self._screen.shown()
            while self._far_end.remaining():
                await self._screen.shown()
        finally:
            self._leave_raw_mode()

    def close(self) -> None:
        """Restore the terminal and standard input."""
        self._leave_raw_mode()
        self._stop_reading()

    def _press(self, keys: bytes) -> None:
        """Send `keys` as if typed, without looking for escapes."""
        self._queue(keys)
        self.flush()

    def _queue(self, data: bytes) -> None:
        self._last_byte = data[-1]
        if self._local_echo is not None:
            self._local_echo.typed(data)
        self._input.push(data)

    def _size_may_have_changed(self) -> None:
        self._size_due = True
        if self._local_echo is not None:
            self._local_echo.size_may_have_changed()
        self.flush()

    def _send_size(self) -> None:
        self._size_due = False
        size = window_size(*self._sizes_of)
        if size != self._sent_size:
            self._sent_size = size
            self._far_end.send(PayloadType.SIZE, encode_payload(Size(size.columns, size.rows)))

    def _typed(self, data: bytes) -> None:
        if not self.attended:
            self._queue(data)
        else:
            for piece in self._escapes.feed(data):
                if isinstance(piece, bytes):
                    self._queue(piece)
                else:
                    self._escape(piece)

    def _escape(self, escape: Escape) -> None:
        match escape:
            case Escape.TERMINATE:
                words = texts.ended(self._context.session_id, "")
                self._context.endings.announce(Ending(NORMAL, last_words=words, terminate=True))
            case Escape.HELP:
                self._screen.print_error(texts.ESCAPE_HELP)
            case Escape.OFF:
                self._screen.print_error(texts.ESCAPES_OFF)

    def _input_ended(self) -> None:
        if self.attended:
            complaint = texts.cannot_start("the terminal is gone")
            self._context.endings.announce(Ending(FAILED, complaint=complaint))
        else:
            self._end_of_input = EndOfInput(
                self._press, lambda: self._far_end.all_acknowledged, within_line=self._last_byte not in b"\r\n"
            )

    def _stop_reading(self) -> None:
        self._input.close()
        if self._end_of_input is not None:
            self._end_of_input.stop()

    def _leave_raw_mode(self) -> None:
        if self._local_echo is not None:
            self._local_echo.close()
        self._terminal.restore()
        self._screen.raw = False


def _local_echo(context: SessionContext) -> "LocalEcho | None":
    """Make the predictive echo of an attended session, if the person wants it and the terminal can show it."""
    when = context.settings.prediction
    if when is Prediction.NEVER or os.environ.get("TERM", "") in SIMPLE_TERMINALS or not context.screen.is_one_terminal:
        return None
    from ferryman.client.plugin.local_echo import LocalEcho

    return LocalEcho(context.screen, context.far_end, when)
