"""The server's side of the process that turns output into lines: starts it on demand, and again after it was ended."""

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress

from ferryman.core.ports.recordings.recorder import RecordedEvent
from ferryman.recording.search.messages import LENGTH, Chunk, Shown, decode_chunk, encode
from ferryman.system.program import part_command

PART_SECONDS = 60
"""Processor time for a part of a recording, which is a block of at most 2 MiB."""
MEMORY_MIB = 1024
MOST_ANSWER = 64 * 1024 * 1024
"""Bytes of chunks; a part yields fewer, unless somebody has taken over the process."""
MOST_CHUNK = 512 * 1024
"""Bytes of a chunk, whose lines are about 16 KiB of text; decoding it takes about a millisecond."""
_PATIENCE = 600.0
"""Seconds until a process that neither answers nor uses the processor is ended."""
_WANTED = frozenset("oer")
"""Output and sizes, but not what was typed: passwords must not be found."""


class Exceeded(Exception):
    """The process ended: a recording was too much for it."""


class LineProcess:
    """Reads one recording at a time. `plain`: without the emulator."""

    def __init__(self, *, plain: bool = False) -> None:
        self._plain = plain
        self._process: Process | None = None

    async def chunks(self, events: Sequence[RecordedEvent], *, ends: bool = False) -> list[Chunk]:
        """Return the chunks that the next part of a recording completes; `ends`: there is no further part.

        Raises `Exceeded`; the recording must be begun again then.
        """
        shown = [(event.at, event.kind, event.data) for event in events if event.kind in _WANTED]
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._exchange(encode(Shown(shown, ends)))
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError | ConnectionError | asyncio.IncompleteReadError | ValueError):
                raise Exceeded(type(error).__name__) from error
            raise

    async def _exchange(self, message: bytes) -> list[Chunk]:
        process = self._process
        if process is None:
            process = self._process = await self._started()
        assert process.stdin is not None  # noqa: S101 both are pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(LENGTH.pack(len(message)) + message)
        await process.stdin.drain()
        (count,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
        chunks: list[Chunk] = []
        left = MOST_ANSWER
        for _ in range(count):
            (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
            left -= LENGTH.size + length
            if length > MOST_CHUNK or left < 0:
                raise ValueError(f"an answer of more than {MOST_ANSWER} bytes, or a chunk of {length}")
            chunks.append(decode_chunk(await process.stdout.readexactly(length)))
            await asyncio.sleep(0)
        return chunks

    async def _started(self) -> Process:
        mode = ["plain"] if self._plain else []
        return await asyncio.create_subprocess_exec(
            *part_command("line-reader", str(PART_SECONDS), str(MEMORY_MIB), *mode, isolated=True),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={},
            start_new_session=True,
        )

    async def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
