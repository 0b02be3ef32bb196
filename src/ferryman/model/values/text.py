"""Foreign text made safe to show: names, messages and file names that come from a node, a server, a provider or a peer.

Everything that reaches a terminal or a log passes through here, except what a session or a command prints: its output
goes to the person as it is. Escaped is whatever could move the cursor, change the terminal, begin a line, reorder the
text around it or hide in it: control characters (C0, C1, DEL), format characters (the bidirectional ones, zero width),
separators of lines and paragraphs, every space but U+0020, characters of private use or not assigned, lone surrogates,
and those that Unicode calls default ignorable.
"""

import logging
import re
from types import TracebackType

_IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Default ignorable characters that `str.isprintable` takes for printable: they show as nothing at all."""
_HIDDEN = re.compile(f"[{_IGNORABLE}]")
_COLOUR = re.compile(r"(\x1b\[[0-9;:]{0,64}m)")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_PLAIN = "\x1b[0m"
_MARGIN = "  | "


def printable(text: str) -> str:
    """Return `text` on one line, with what could steer a terminal shown as Python escapes it: `\\x1b`, `\\n`."""
    if text.isprintable() and not _HIDDEN.search(text):
        return text
    return "".join(map(_shown, text))


def one_line(text: str) -> str:
    """Return `text` as `printable`, but with line ends and other white space turned into single spaces: for prose."""
    return printable(" ".join(text.split()))


def printable_lines(text: str) -> str:
    """Return `text` as `printable`, but with line feeds and tabs left alone: for text with line breaks of our own."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable_json(text: str) -> str:
    """Return a JSON text with the same value whose strings hold nothing that could steer a terminal.

    `text` may be on several lines; the line feeds between its tokens are left alone.
    """
    return "\n".join("".join(map(_shown_in_json, line)) for line in text.split("\n"))


def output_line(text: str) -> str:
    """Return a line of a command's output that shares a terminal with others': it cannot leave its line.

    Text and colours are left alone; control characters are shown, and colours end with the line.
    """
    pieces = _COLOUR.split(text)
    pieces[::2] = [_CONTROLS.sub(lambda found: _escaped(found[0]), piece) for piece in pieces[::2]]
    return "".join(pieces) + (_PLAIN if len(pieces) > 1 else "")


def traceback_text(trace: str) -> str:
    """Return a formatted traceback, printable, with a margin that no line of a record begins with.

    An exception's message may hold line feeds and whatever a peer sent.
    """
    return "\n".join(_MARGIN + line for line in printable_lines(trace).rstrip("\n").split("\n"))


class PrintableFormatter(logging.Formatter):
    """Formats the standard library's records: one line each, followed by a traceback if there is one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the record's line."""
        return printable(super().formatMessage(record))

    def formatException(  # noqa: N802 - logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        """Return the traceback."""
        return traceback_text(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's own name
        """Return the stack."""
        return traceback_text(super().formatStack(stack_info))


def guard_last_resort() -> None:
    """Make loggers that nobody configured, such as asyncio's, print safely as well."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(PrintableFormatter())


def _is_shown(character: str) -> bool:
    return character.isprintable() and not _HIDDEN.match(character)


def _shown(character: str) -> str:
    return character if _is_shown(character) else _escaped(character)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def _shown_in_json(character: str) -> str:
    if _is_shown(character):
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
