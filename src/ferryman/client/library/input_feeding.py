"""Gives a command its input while its output is read: done one after the other, both would wait for ever."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager

from ferryman.client.library.running_command import RunningCommand


@asynccontextmanager
async def feed(command: RunningCommand, pieces: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[None]:
    """Write `pieces` to the command and then the end of its input, beside what is done in the context.

    The context's end does not wait for input that nobody reads. Raises what making the pieces raises, or writing them.
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
        command.end_input()  # lest the command waits, also when there is no more because of a failure
