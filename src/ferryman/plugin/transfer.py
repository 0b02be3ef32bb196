"""Copies files and folders to and from a node, by commands that every node has: sh, cat, tail, sha256sum, find, tar.

Names go to the node as arguments of fixed scripts, so nothing in them can become shell syntax. What is copied is
compared by SHA-256 in the end; what is there already, of an interrupted copy, is not sent again.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ferryman.model.failures import Failure
from ferryman.plugin.running_command import RunningCommand

Progress = Callable[[int, int], None]
"""Gets the bytes that are there, and those there will be."""

PART = ".ferryman-part"
"""What a file's name ends in until it is complete."""


PIECE_BYTES = 256 * 1024


class Result(Protocol):
    """What a command left."""

    @property
    def exit_code(self) -> int:
        """0 if all went well."""

    @property
    def stdout(self) -> bytes:
        """Its output."""

    @property
    def stderr(self) -> bytes:
        """Its complaints."""


class Runner(Protocol):
    """What copying needs of a node."""

    @property
    def name(self) -> str:
        """What people call it."""

    async def run(self, arguments: Sequence[str], *, stdin: bytes = b"", check: bool = False) -> Result:
        """Run a command to its end."""

    def start(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[RunningCommand]:
        """Run a command whose streams are used on the way."""


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder on the node; a path without a leading slash is below the home directory of its sessions."""

    path: str

    @property
    def argument(self) -> str:
        """The path as programs take it for one, whatever it begins with."""
        path = self.path.removeprefix("~/") or "."
        return f"./{path}" if path.startswith("-") else path

    @property
    def is_folder_to_be(self) -> bool:
        """Whether a copy is to go into it, under its own name."""
        return self.path in ("", ".", "~") or self.path.endswith("/")


def script(text: str, *arguments: str) -> list[str]:
    """Return the command that runs a shell script with arguments, `$1` the first."""
    return ["sh", "-c", text, "sh", *arguments]


async def ran(node: Runner, what: str, command: Sequence[str], *, stdin: bytes = b"") -> bytes:
    """Run `command` and return its output; raises `Failure`, saying that `what` failed, if its exit code is not 0."""
    result = await node.run(command, stdin=stdin)
    if result.exit_code:
        raise failed(node, what, result.exit_code, result.stderr)
    return result.stdout


def failed(node: Runner, what: str, exit_code: int, complaint: bytes) -> Failure:
    """Return what to say when a command of a copy ended with `exit_code`."""
    said = complaint.decode(errors="replace").strip().rstrip(".")
    return Failure(f"Cannot copy {what}", said or f"a command on {node.name} ended with exit code {exit_code}")


def differs(what: str) -> Failure:
    """Return what to say when a copy is not what was copied."""
    return Failure(f"The copy of {what} is not the same", "it was changed meanwhile, or damaged", "Copy it again")


async def pieces(path: Path, offset: int, size: int) -> AsyncIterator[bytes]:
    """Yield what a local file holds from `offset` on, `size` bytes in all."""
    remaining = size - offset
    with path.open("rb") as file:
        file.seek(offset)
        while remaining > 0 and (data := file.read(min(PIECE_BYTES, remaining))):
            remaining -= len(data)
            yield data
