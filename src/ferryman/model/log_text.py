"""Log records as text in which nothing foreign can control a terminal or imitate another record."""

import logging
from types import TracebackType

from ferryman.model.printable import printable, printable_lines

_MARGIN = "  | "


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
