"""Logs of the agent's processes: JSON lines on standard error, where systemd or a container collects them."""

import json
import logging
import sys

import structlog

from ferryman.model.values.text import guard_last_resort, printable_json
from ferryman.system.log_writer import LogWriter


def configure(level: int = logging.INFO) -> LogWriter:
    """Set up logging for this process and those forked from it; `drain` the result before the process ends.

    A session worker outlives whoever reads its standard error, so a log that cannot be written must not block it.
    """
    writer = LogWriter(sys.stderr, _dropped)
    logging.lastResort = logging.StreamHandler(writer)
    logging.lastResort.setLevel(logging.WARNING)
    guard_last_resort()
    handler = logging.StreamHandler(writer)
    handler.setFormatter(_Line())
    root = logging.getLogger("ferryman.agent")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
            lambda _logger, _method, line: printable_json(str(line)),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return writer


def _dropped(lines: int) -> str:
    return json.dumps({"dropped": lines, "event": "log lines dropped", "level": "warning"}) + "\n"


class _Line(logging.Formatter):
    """The line as rendered, which already has the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return record.getMessage()


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of a module of the agent; events are short names, facts are keywords."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(f"ferryman.agent.{name}")
    return bound
