"""The one place where commands print lines; every line is made printable, wherever its text comes from.

Output of sessions and of commands on nodes does not pass through here; see `client.run_many` and `client.streams`.
"""

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import TextIO

from ferryman.model.values.text import printable, printable_json, printable_lines


def print_lines(*lines: str) -> None:
    """Print lines on standard output; a line feed inside one is escaped."""
    _write(sys.stdout, lines)


def print_error(*lines: str) -> None:
    """Print lines on standard error, likewise."""
    _write(sys.stderr, lines)


class Greetings:
    """Prints what agents say as sessions begin, once each, on standard error, and only for somebody at a terminal.

    A copy or a command on many nodes has many sessions, which mostly say the same.
    """

    def __init__(self) -> None:
        self._printed: set[str] = set()

    def __call__(self, line: str) -> None:
        """Print a line unless it was printed before."""
        if line not in self._printed and sys.stderr.isatty():
            self._printed.add(line)
            print_error(line)


def print_document(
    value: object, *, indent: int | None = None, default: Callable[[object], object] | None = None
) -> None:
    """Print one JSON document on standard output; without `indent`, on one line.

    Values are unchanged: what could control a terminal is escaped as JSON escapes it. `default` as `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=default)
    sys.stdout.write(printable_json(text) + "\n")
    sys.stdout.flush()


def print_page(text: str) -> None:
    """Print a page of our own on standard output: it may have bold headings, and nothing foreign."""
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def print_styled(*lines: str) -> None:
    """Print lines of printable text that colours of ours may stand around."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def print_suggestions(suggestions: Iterable[tuple[str, str]]) -> None:
    """Print words for a shell to complete, each with a tab and its meaning; unprintable ones are left out."""
    lines = [f"{word}\t{printable(meaning)}\n" for word, meaning in suggestions if word == printable(word)]
    sys.stdout.write("".join(lines))


def print_traceback(error: BaseException) -> None:
    """Print an exception's traceback, with its causes, on standard error."""
    sys.stderr.write(printable_lines("".join(traceback.format_exception(error))))


def _write(stream: TextIO, lines: tuple[str, ...]) -> None:
    stream.write("".join(f"{printable(line)}\n" for line in lines))
    stream.flush()
