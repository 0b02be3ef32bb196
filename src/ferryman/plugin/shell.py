"""A shell session between the channel engine and the person's terminal: what is typed goes in, what arrives comes out.

Knows no connections: the engine keeps what is sent while there is none.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ferryman.channel.client import ClientChannel
from ferryman.channel.events import (
    ClientEvent,
    CustomerMessageReceived,
    OutputReceived,
    SessionEnded,
    SessionStarted,
)
from ferryman.plugin import texts
from ferryman.plugin.end_of_input import EndOfInput
from ferryman.plugin.endings import FAILED, NORMAL, Ending, Endings
from ferryman.plugin.escape import Escape, EscapeParser
from ferryman.plugin.streams import Input, Output
from ferryman.plugin.terminal import RawTerminal, WindowSize, is_terminal, window_size
from ferryman.wire.agent_message import PayloadType
from ferryman.wire.payloads import Size, encode_payload

WITHOUT_TERMINAL = "NonInteractiveCommands"
SHELL_TYPES = frozenset({"Standard_Stream", "InteractiveCommands", WITHOUT_TERMINAL})
PENDING_BYTES = 65_536
"""How much input is read ahead of the engine's window before reading stops."""
SHOWN = frozenset({PayloadType.OUTPUT, PayloadType.ERROR, PayloadType.EXIT_CODE})


@dataclass(frozen=True, slots=True)
class Descriptors:
    """The three standard streams by number."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


STANDARD = Descriptors()


class Shell:
    """One session's terminal end. `wake` tells the pump that the engine was used.

    Input is read from the moment the session has started; before that it waits where it is.
    """

    def __init__(
        self,
        session_id: str,
        channel: ClientChannel,
        descriptors: Descriptors,
        endings: Endings,
        wake: Callable[[], None],
    ) -> None:
        self._session_id = session_id
        self._channel = channel
        self._descriptors = descriptors
        self._endings = endings
        self._wake = wake
        self._output = Output(descriptors.stdout, self._written, self._output_closed)
        self._errors = Output(descriptors.stderr, self._written)
        self._input = Input(descriptors.stdin, self._typed, self._input_ended)
        self.attended = is_terminal(descriptors.stdin)
        self._terminal = RawTerminal(descriptors.stdin)
        self._escapes = EscapeParser()
        self._pending = bytearray()
        self._last_byte = ord("\n")
        self._sent_size: WindowSize | None = None
        self._size_due = True
        self._session_type = ""
        self._end_of_input: EndOfInput | None = None
        self._shown: deque[int] = deque()
        """Numbers on their way to a stream, in order."""
        self._done: set[int] = set()
        """Those of them that are written, waiting for an earlier one on the other stream."""
        self._dispatch_due = False

    @property
    def started(self) -> bool:
        """Whether the far end has a shell for us."""
        return bool(self._session_type)

    def say(self, text: str) -> None:
        """Show `text` on standard output."""
        self._output.push(self._translated(text))

    def complain(self, text: str) -> None:
        """Show `text` on standard error."""
        self._errors.push(self._translated(text))

    def on_events(self, events: Sequence[ClientEvent]) -> None:
        """Act on what the engine reports."""
        for event in events:
            match event:
                case OutputReceived():
                    self._show(event)
                case CustomerMessageReceived(text):
                    self.say(text + "\n")
                case SessionStarted():
                    self._start(event.session_type)
                case SessionEnded(output, lost):
                    self._endings.announce(self._ending(output, lost=lost))
        self.input_possible()

    def input_possible(self) -> None:
        """Pass on input that waits for room, and read more if little is left. Call it when room may have grown."""
        if not self.started or self._endings.announced:
            return
        if self._size_due and self._channel.capacity():
            self._send_size()
        while self._pending and (room := self._channel.capacity()) > 0:
            self._channel.send(PayloadType.OUTPUT, bytes(self._pending[:room]), time.monotonic())
            del self._pending[:room]
            self._wake()
        if len(self._pending) < PENDING_BYTES:
            self._input.resume()
        else:
            self._input.pause()

    def press(self, keys: bytes) -> None:
        """Send `keys` as if typed, escapes not looked for."""
        self._last_byte = keys[-1]
        self._pending += keys
        self.input_possible()

    def size_may_have_changed(self) -> None:
        """Tell the far end the window's size if it is another than it knows."""
        self._size_due = True
        self.input_possible()

    def continued(self) -> None:
        """The process was stopped and goes on: the terminal is raw again, and may have another size."""
        self._terminal.renew()
        self.size_may_have_changed()

    async def finish(self) -> None:
        """Read nothing more and show everything that has arrived. Waits as long as output is blocked."""
        self._stop_reading()
        self._input.close()
        await self._output.drained()
        while events := self._channel.events():
            self.on_events(events)
            await self._output.drained()

    def leave_raw_mode(self) -> None:
        """Leave the terminal as it was found; idempotent."""
        self._terminal.restore()

    async def said(self) -> None:
        """Wait until all texts are out."""
        await self._output.drained()
        await self._errors.drained()

    def close(self) -> None:
        """Leave the terminal and the streams as they were found; idempotent."""
        self._terminal.restore()
        self._stop_reading()
        self._input.close()
        self._output.close()
        self._errors.close()

    def _start(self, session_type: str) -> None:
        if session_type not in SHELL_TYPES:
            complaint = texts.cannot_start(f"this client cannot handle sessions of type {session_type} yet")
            self._endings.announce(Ending(FAILED, complaint=complaint, terminate=True))
            return
        self._session_type = session_type
        if self.attended:
            self._terminal.enter()

    def _send_size(self) -> None:
        self._size_due = False
        size = window_size(self._descriptors.stdout, self._descriptors.stdin)
        if size != self._sent_size:
            self._sent_size = size
            self._channel.send(PayloadType.SIZE, encode_payload(Size(size.columns, size.rows)), time.monotonic())
            self._wake()

    def _show(self, event: OutputReceived) -> None:
        if self._end_of_input is not None:
            self._end_of_input.output_arrived()
        self._shown.append(event.sequence_number)
        if event.payload_type == PayloadType.STD_ERR:
            self._errors.push(event.payload, event.sequence_number)
        elif event.payload_type in SHOWN:
            self._output.push(event.payload, event.sequence_number)
        else:
            self._output.push(b"", event.sequence_number)

    def _written(self, number: int) -> None:
        self._done.add(number)
        while self._shown and self._shown[0] in self._done:
            number = self._shown.popleft()
            self._done.remove(number)
            self._channel.acknowledge(number, time.monotonic())
        self._wake()
        if not self._dispatch_due:
            # The engine may hand out what it had held back; not from here, in the midst of earlier events.
            self._dispatch_due = True
            asyncio.get_running_loop().call_soon(self._dispatch)

    def _dispatch(self) -> None:
        self._dispatch_due = False
        if events := self._channel.events():
            self.on_events(events)

    def _typed(self, data: bytes) -> None:
        self._last_byte = data[-1]
        if not self.attended:
            self._pending += data
        else:
            for piece in self._escapes.feed(data):
                if isinstance(piece, bytes):
                    self._pending += piece
                else:
                    self._escape(piece)
        self.input_possible()

    def _escape(self, escape: Escape) -> None:
        match escape:
            case Escape.TERMINATE:
                words = texts.ended(self._session_id, "")
                self._endings.announce(Ending(NORMAL, last_words=words, terminate=True))
            case Escape.HELP:
                self.complain(texts.ESCAPE_HELP)
            case Escape.OFF:
                self.complain(texts.ESCAPES_OFF)

    def _input_ended(self) -> None:
        if self.attended:
            complaint = texts.cannot_start("the terminal is gone")
            self._endings.announce(Ending(FAILED, complaint=complaint))
        elif self._session_type != WITHOUT_TERMINAL:
            self._end_of_input = EndOfInput(
                self.press, lambda: self._channel.all_acknowledged, within_line=self._last_byte not in b"\r\n"
            )

    def _output_closed(self) -> None:
        complaint = texts.cannot_start("standard output was closed")
        self._endings.announce(Ending(FAILED, complaint=complaint, terminate=True))

    def _ending(self, output: str, *, lost: bool) -> Ending:
        if self.started:
            return Ending(FAILED if lost else NORMAL, last_words=texts.ended(self._session_id, output))
        return Ending(FAILED, complaint=texts.cannot_start(output or "the server closed the session"))

    def _stop_reading(self) -> None:
        self._input.pause()
        if self._end_of_input is not None:
            self._end_of_input.stop()

    def _translated(self, text: str) -> bytes:
        """A raw terminal does not return the carriage by itself."""
        return (text.replace("\n", "\r\n") if self._terminal.active else text).encode(errors="replace")
