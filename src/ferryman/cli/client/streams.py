"""The process's standard streams for asynchronous commands: bytes as they are, read and written without blocking."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator

from ferryman.client.plugin.tty.streams import Input, Output

STDIN, STDOUT, STDERR = 0, 1, 2
WAITING_PIECES = 4


class StandardInput:
    """Yields the bytes of standard input. Create it in a running loop; `close` leaves the stream as it was."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._over = False
        self._input = Input(STDIN, self._arrived, self._ended)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what arrives, until the end of the input."""
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self._over:
                return
            self._news.clear()
            self._input.resume()
            await self._news.wait()

    def close(self) -> None:
        """Stop reading."""
        self._input.close()

    def _arrived(self, data: bytes) -> None:
        self._pieces.append(data)
        if len(self._pieces) >= WAITING_PIECES:
            self._input.pause()
        self._news.set()

    def _ended(self) -> None:
        self._over = True
        self._news.set()


class StandardOutput:
    """Standard output or standard error. Create it in a running loop; `close` leaves the stream as it was."""

    def __init__(self, descriptor: int) -> None:
        self._closed = False
        self._output = Output(descriptor, lambda _: None, self._reader_gone)

    async def write(self, data: bytes) -> None:
        """Write `data`; returns when it is written. Raises BrokenPipeError if the reader is gone."""
        self._output.push(data)
        await self._output.drained()
        if self._closed:
            raise BrokenPipeError(os.strerror(32))

    def close(self) -> None:
        """Stop writing."""
        self._output.close()

    def _reader_gone(self) -> None:
        self._closed = True
