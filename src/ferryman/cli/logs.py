"""Where structured logs go: one JSON object a line, or text for people, on standard error."""

import logging
import sys
from typing import Literal


def configure(level: Literal["debug", "info", "warning", "error"], form: Literal["json", "text"]) -> None:
    """Set up structlog, and lead the standard library's loggers (aiohttp, alembic) to the same place."""
    import structlog

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # Both forms of a traceback would show local variables by default: tokens, signatures, what users typed.
    tracebacks = structlog.processors.ExceptionRenderer(
        structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    )
    plain = structlog.dev.plain_traceback
    renderer: list[structlog.typing.Processor] = (
        [tracebacks, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    # Other people's loggers: what they warn of is worth a line, their chatter is not.
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
