"""Writes a command's input while its output is read: one after the other, both would wait forever."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ferryman.client.library.running_command import RunningCommand


@asynccontextmanager
async def feed(command: RunningCommand, pieces: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[None]:
    """Write `pieces` to the command and then end its input, concurrently with the context's body.

    The end of the context does not wait for input that nobody reads. Raises the errors of producing and writing them.
    """
    feeding = asyncio.create_task(_feed(command, pieces))
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.wait([feeding])
        if not feeding.cancelled():
            feeding.result()


async def _feed(command: RunningCommand, pieces: Iterable[bytes] | AsyncIterable[bytes]) -> None:
    try:
        if isinstance(pieces, AsyncIterable):
            async for piece in pieces:
                await command.write(piece)
        else:
            for piece in pieces:
                await command.write(piece)
    finally:
        command.end_input()  # otherwise the command would wait, even after a failure
