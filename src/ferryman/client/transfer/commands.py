"""Copies files and folders to and from a node, by commands that every node has: sh, cat, tail, sha256sum, find, tar.

Names go to the node as arguments of fixed scripts, so nothing in them can become shell syntax. Copies are verified by
SHA-256, and an interrupted copy resumes. A node's answer is bounded before it is kept.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from io import FileIO
from typing import Protocol

from ferryman.client.library.input_feeding import feed
from ferryman.client.library.running_command import RunningCommand, Stream
from ferryman.model.failures import Failure

Progress = Callable[[int, int], None]
"""Gets the bytes copied so far and the total."""

PIECE_BYTES = 256 * 1024
ANSWER_BYTES = 16 * 1024
"""More than our scripts ever print, except for contents and listings."""
COMPLAINT_BYTES = 1024 * 1024
SHOWN_BYTES = 4096
_PERMISSIONS = 0o777
_ALL_BITS = 0o7777


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a copy's command: exit code, output, and the beginning of its standard error."""

    exit_code: int
    output: bytes
    complaint: bytes


class Runner(Protocol):
    """Runs the commands of a copy on a node."""

    @property
    def name(self) -> str:
        """Its display name."""

    def start(self, arguments: Sequence[str], *, reason: str = "") -> AbstractAsyncContextManager[RunningCommand]:
        """Run a command whose streams are used while it runs; `reason` is its session's."""


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder on the node; a path without a leading slash is below the home directory of its sessions."""

    path: str

    @property
    def argument(self) -> str:
        """The path as an argument that no program takes for an option."""
        path = self.path.removeprefix("~/") or "."
        return f"./{path}" if path.startswith("-") else path

    @property
    def is_folder_to_be(self) -> bool:
        """Whether a copy goes into it, under its own name."""
        return self.path in ("", ".", "~") or self.path.endswith("/")


def script(text: str, *arguments: str) -> list[str]:
    """Return the command that runs a shell script with arguments, `$1` the first."""
    return ["sh", "-c", text, "sh", *arguments]


async def stream(
    node: Runner,
    what: str,
    command: Sequence[str],
    on_output: Callable[[bytes], None],
    pieces: Iterable[bytes] | AsyncIterable[bytes] = (),
    *,
    reason: str = "",
) -> Answer:
    """Run `command` with `pieces` as its input; `on_output` gets its output as it arrives, and the answer has none.

    Raises `Failure`, naming `what`, if the node prints too many error messages, and whatever `on_output` raises.
    """
    complaint = bytearray()
    complained = 0
    async with node.start(command, reason=reason) as running, feed(running, pieces):
        async for source, data in running:
            if source is Stream.STDOUT:
                on_output(data)
                continue
            complaint += data[: SHOWN_BYTES - len(complaint)]
            complained += len(data)
            if complained > COMPLAINT_BYTES:
                raise Failure(f"Cannot copy {what}", f"{node.name} wrote more than 1 MiB of error messages")
        return Answer(await running.wait(), b"", bytes(complaint))


async def run(
    node: Runner,
    what: str,
    command: Sequence[str],
    pieces: Iterable[bytes] | AsyncIterable[bytes] = (),
    *,
    reason: str = "",
) -> Answer:
    """Run `command`; raises `Failure`, saying that `what` failed, if it prints more than `ANSWER_BYTES`."""
    output = bytearray()

    def keep(data: bytes) -> None:
        if len(output) + len(data) > ANSWER_BYTES:
            raise Failure(f"Cannot copy {what}", f"{node.name} answered with more than {ANSWER_BYTES >> 10} KiB")
        output.extend(data)

    answer = await stream(node, what, command, keep, pieces, reason=reason)
    return replace(answer, output=bytes(output))


async def ran(
    node: Runner,
    what: str,
    command: Sequence[str],
    pieces: Iterable[bytes] | AsyncIterable[bytes] = (),
    *,
    reason: str = "",
) -> bytes:
    """Run `command` and return its output, as `run`; raises `Failure` also if its exit code is not 0."""
    answer = await run(node, what, command, pieces, reason=reason)
    if answer.exit_code:
        raise failed(node, what, answer)
    return answer.output


def failed(node: Runner, what: str, answer: Answer) -> Failure:
    """Return the Failure for a command of a copy that failed."""
    said = answer.complaint.decode(errors="replace").strip().rstrip(".")
    return Failure(f"Cannot copy {what}", said or f"a command on {node.name} ended with exit code {answer.exit_code}")


def differs(what: str) -> Failure:
    """Return the Failure for a copy that differs from its source."""
    return Failure(
        f"The copy of {what} differs from its source",
        "the source changed meanwhile, or the copy is damaged",
        "Copy it again",
    )


def permissions(mode: int, *, keep_setuid: bool) -> int:
    """Return the bits of a file's mode that are copied: setuid, setgid and sticky only with `keep_setuid`."""
    return mode & (_ALL_BITS if keep_setuid else _PERMISSIONS)


async def pieces(file: FileIO, size: int) -> AsyncIterator[bytes]:
    """Yield the next `size` bytes of a local file, fewer if it ends earlier."""
    while size > 0 and (data := file.read(min(PIECE_BYTES, size))):
        size -= len(data)
        yield data
