"""The error that a command, or a call of the Python API, ends with: what failed, why, and what to do next."""

import os
import re

from ferryman.model.values.text import one_line

_FOR_PROGRAMMERS = re.compile(r"\[(Errno -?\d+|SSL[^]]*|X509[^]]*)\] *| *\(_ssl\.c:\d+\)")
_ASYNCIO = "Connect call failed ("
"""How asyncio begins its own text, in place of the system's."""


class Failure(Exception):
    """Something failed. Commands show it as one line with exit status 1, and no traceback without `--debug`.

    `what` failed, its likely `cause`, and what to do `next_step`: sentences without a final full stop, never a secret.
    """

    exit_status = 1

    def __init__(self, what: str, cause: str = "", next_step: str = "") -> None:
        self.what = what
        self.cause = cause
        self.next_step = next_step
        super().__init__(self.line)

    @property
    def line(self) -> str:
        """The whole message on one line, printable: causes are often foreign text."""
        sentence = f"{self.what}: {self.cause}" if self.cause else self.what
        text = f"{sentence}. {self.next_step}." if self.next_step else f"{sentence}."
        return one_line(text)


def said_by(error: BaseException) -> str:
    """Return an exception as text for people, without Python's additions for programmers (`[Errno 104]`, codecs)."""
    if isinstance(error, UnicodeError):
        return "it has characters, or parts of a length, that are not allowed there"
    words = str(error)
    if isinstance(error, OSError) and error.strerror:
        words = os.strerror(error.errno) if error.errno and error.strerror.startswith(_ASYNCIO) else error.strerror
        if isinstance(error.filename, str | bytes):
            words += f": {os.fsdecode(error.filename)}"
    return _FOR_PROGRAMMERS.sub("", words) or type(error).__name__


def counted(number: int, noun: str) -> str:
    """Return `1 node`, `2 nodes`: a number with its noun, whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
