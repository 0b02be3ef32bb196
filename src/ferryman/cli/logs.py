"""Structured logs on standard error: one JSON object per line, or text for people."""

import io
import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from ferryman.model.values.text import printable, printable_json, traceback_text
from ferryman.system.log_writer import LogWriter

if TYPE_CHECKING:
    from structlog.typing import EventDict, ExcInfo, Processor

_DROPPED = "log lines dropped"


def configure(level: Literal["debug", "info", "warning", "error"], form: Literal["json", "text"] | None) -> LogWriter:
    """Set up structlog, and send the standard library's loggers (aiohttp, alembic) to the same place.

    `form` None: text if standard error is a terminal, JSON otherwise.

    A thread writes the lines, so a log that cannot be written blocks nothing. Call `drain` on the result at the end.
    """
    import structlog

    form = form or ("text" if is_terminal() else "json")
    writer = LogWriter(sys.stderr, _dropped_json if form == "json" else _dropped_text)

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Both forms of a traceback would show local variables by default: tokens, signatures, what users typed.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    renderer: list[structlog.typing.Processor] = (
        [tracebacks, structlog.processors.JSONRenderer(), _as_safe_json]
        if form == "json"
        else [_as_safe_text, _text_renderer()]
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", writer)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    # Other libraries' loggers: log their warnings, not their chatter.
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    return writer


def is_terminal() -> bool:
    """Whether standard error is a terminal, so that a person reads it."""
    return sys.stderr is not None and sys.stderr.isatty()


def _dropped_json(lines: int) -> str:
    record = {"dropped": lines, "event": _DROPPED, "level": "warning", "timestamp": _now()}
    return json.dumps(record) + "\n"


def _dropped_text(lines: int) -> str:
    return f"{_now()} [warning  ] {_DROPPED} dropped={lines}\n"


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def _text_renderer() -> "Processor":
    """It quotes values that could be read as more than one member."""
    from structlog.dev import ConsoleRenderer

    return ConsoleRenderer(colors=is_terminal(), exception_formatter=_write_traceback)


def _as_safe_text(_logger: object, _method: str, event: "EventDict") -> "EventDict":
    """Make a record's members printable, on one line; the traceback follows it."""
    return {name: value if name == "exc_info" else _safe(name, value) for name, value in event.items()}


def _safe(name: str, value: object) -> object:
    if value is None or isinstance(value, int | float):
        return value
    if name in ("exception", "stack"):
        return traceback_text(str(value))
    return printable(value if isinstance(value, str) else repr(value))


def _write_traceback(stream: TextIO, exc_info: "ExcInfo") -> None:
    from structlog.dev import plain_traceback

    text = io.StringIO()
    plain_traceback(text, exc_info)
    stream.write("\n" + traceback_text(text.getvalue().lstrip("\n")))


def _as_safe_json(_logger: object, _method: str, event: MutableMapping[str, Any] | str) -> str:
    return printable_json(str(event))
