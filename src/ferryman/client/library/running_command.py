"""A command on a node: output in pieces, input with backpressure, an exit code."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from ferryman.channel.events import OutputReceived, SessionStarted
from ferryman.client.library.background_session import BackgroundSession
from ferryman.client.session.exit_code import exit_code
from ferryman.client.session.far_end import FarEnd
from ferryman.model.failures import Failure
from ferryman.model.session_types import SessionType
from ferryman.wire.agent_message import Flag, PayloadType


class Stream(StrEnum):
    """Standard output or standard error."""

    STDOUT = "stdout"
    STDERR = "stderr"


_STREAMS: Mapping[int, Stream] = {
    PayloadType.OUTPUT: Stream.STDOUT,
    PayloadType.ERROR: Stream.STDOUT,
    PayloadType.STD_ERR: Stream.STDERR,
}


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Handles the output of a command's session; the state it shares with `RunningCommand`."""

    arrived: deque[OutputReceived]
    news: asyncio.Event
    room: asyncio.Event
    begun: list[tuple[SessionStarted, FarEnd]]

    @classmethod
    def new(cls) -> Self:
        """Return the handler of a command that has not started."""
        return cls(deque(), asyncio.Event(), asyncio.Event(), [])

    def on_started(self, started: SessionStarted, far_end: FarEnd) -> None:
        """Check that the session is a command."""
        if started.session_type != SessionType.NON_INTERACTIVE_COMMANDS:
            raise Failure("The command was not started", f"the node started a session of type {started.session_type}")
        self.begun.append((started, far_end))

    def on_output(self, event: OutputReceived) -> None:
        """Keep output until it is read; the sender's window bounds it."""
        self.arrived.append(event)
        self.news.set()

    def flush(self) -> None:
        """Wake the writer: there may be room for input."""
        self.room.set()

    def on_ended(self) -> None:
        """Wake the reader and the writer."""
        self.news.set()
        self.room.set()


class RunningCommand:
    """A command running on a node. Iterate over it to the end, or `wait`, whether the output matters or not.

    Output that is not read is not acknowledged: a command that writes a lot waits for its reader.
    """

    def __init__(self, session: BackgroundSession, handler: CommandHandler) -> None:
        self._session = session
        self._handler = handler
        self._far_end = session.far_end
        self._exit_code: int | None = None

    @property
    def session_id(self) -> str:
        """The session's id, as `ferryman sessions list` shows it."""
        return self._session.session_id

    @property
    def takes_input(self) -> bool:
        """Whether the node passes input on to the command; AWS's agent does not."""
        return self._handler.begun[0][0].stdin

    @property
    def exit_code(self) -> int | None:
        """The command's exit code, 127 not found, 126 not executable, 128 + n for signal n; None before its end."""
        return self._exit_code

    async def write(self, data: bytes) -> None:
        """Send input, waiting while the command does not read. Input for a command that has ended is dropped.

        Raises `Failure` if the node passes no input on.
        """
        if not self.takes_input:
            raise Failure("The command cannot get input", "this node's agent passes none on")
        place = 0
        while place < len(data) and not self._session.is_over:
            self._handler.room.clear()
            room = self._far_end.capacity()
            if room <= 0:
                await self._handler.room.wait()
                continue
            self._far_end.send(PayloadType.OUTPUT, bytes(data[place : place + room]))
            place += room

    def end_input(self) -> None:
        """Close the command's input after what was written; no effect if `takes_input` is false."""
        if self.takes_input and not self._session.is_over:
            self._far_end.flag(Flag.INPUT_ENDED)

    async def __aiter__(self) -> AsyncIterator[tuple[Stream, bytes]]:
        """Yield the output as it arrives, each piece with its stream; ends with the command.

        A piece is acknowledged when the next is requested. Raises `Failure` if the session ends before the command.
        """
        while (event := await self._next()) is not None:
            if event.payload_type == PayloadType.EXIT_CODE:
                self._exit_code = exit_code(event.payload)
            elif event.payload_type in _STREAMS and event.payload:
                yield _STREAMS[event.payload_type], event.payload
            self._far_end.consumed(event.sequence_number)
        await self._code()

    async def wait(self) -> int:
        """Wait for the command's end and return its exit code; unread output is dropped.

        Raises `Failure` if the session ends before the command.
        """
        async for _ in self:
            pass
        return await self._code()

    async def _code(self) -> int:
        if self._exit_code is None:
            await self._session.ended()
            raise Failure(f"Session {self.session_id} ended", "the node did not say how the command ended")
        return self._exit_code

    async def _next(self) -> OutputReceived | None:
        while not self._handler.arrived:
            if self._session.is_over:
                if not self._far_end.remaining():
                    return None
                continue
            self._handler.news.clear()
            await self._handler.news.wait()
        return self._handler.arrived.popleft()
