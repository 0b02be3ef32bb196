"""Logs of the agent's processes on standard error, where systemd or a container collects them: one event a record.

Records are JSON lines, or text for people. The agent does without structlog, which the server has: in every session
worker it would take two thirds of a megabyte.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from ferryman.model.values.text import printable, printable_json, traceback_text
from ferryman.system.log_writer import LogWriter

Level = Literal["debug", "info", "warning", "error"]
Form = Literal["json", "text", "auto"]
"""`auto`: text if standard error is a terminal, JSON otherwise."""

_AGENT = "ferryman.agent"
_FACTS = "facts"
_AMBIGUOUS = re.compile(r"[\s='\"]")
_LEVEL_COLOURS = {"debug": "32", "info": "32", "warning": "33", "error": "31", "critical": "31"}
_BOLD, _DIM, _CYAN = "1", "2", "36"
_EVENT_WIDTH = 30

_bound: dict[str, object] = {}


class LogSettings(NamedTuple):
    """What the agent's processes log, and how."""

    level: Level = "info"
    form: Form = "auto"


DEFAULT_LOGS = LogSettings()


class Logger:
    """Logs events by short names, with facts as keywords. Values that JSON does not know are logged as their `repr`."""

    __slots__ = ("_log",)

    def __init__(self, name: str) -> None:
        self._log = logging.getLogger(name)

    def debug(self, event: str, **facts: object) -> None:
        """Log details that matter only when looking for a fault."""
        self._write(logging.DEBUG, event, facts)

    def info(self, event: str, **facts: object) -> None:
        """Log a normal event."""
        self._write(logging.INFO, event, facts)

    def warning(self, event: str, **facts: object) -> None:
        """Log something that may need attention."""
        self._write(logging.WARNING, event, facts)

    def error(self, event: str, exc_info: BaseException | None = None, **facts: object) -> None:
        """Log a failure, with the traceback of `exc_info`."""
        self._write(logging.ERROR, event, facts, exc_info)

    def exception(self, event: str, **facts: object) -> None:
        """Log a failure, with the traceback of the exception that is being handled."""
        self._write(logging.ERROR, event, facts, sys.exception())

    def _write(self, level: int, event: str, facts: dict[str, object], exc_info: BaseException | None = None) -> None:
        if self._log.isEnabledFor(level):
            self._log.log(level, "%s", event, exc_info=exc_info, extra={_FACTS: facts})


def logger(name: str) -> Logger:
    """Return the logger of a module of the agent."""
    return Logger(f"{_AGENT}.{name}")


def bind(**facts: object) -> None:
    """Add facts to every record of this process, such as the session that it serves."""
    _bound.update(facts)


def configure(settings: LogSettings = DEFAULT_LOGS) -> LogWriter:
    """Set up logging for this process and those forked from it; `drain` the result before the process ends.

    A session worker outlives whoever reads its standard error, so a log that cannot be written must not block it. Other
    libraries' warnings go to the same place.
    """
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    as_text = settings.form == "text" or (settings.form == "auto" and is_terminal)
    formatter = _TextFormatter(colours=is_terminal) if as_text else _JsonFormatter()
    writer = LogWriter(sys.stderr, formatter.dropped)
    handler = logging.StreamHandler(writer)
    handler.setFormatter(formatter)
    number = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.getLogger(_AGENT).setLevel(number)
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    return writer


class _Formatter(logging.Formatter):
    """Formats records of the agent and of the libraries that it uses."""

    def dropped(self, lines: int) -> str:
        """Return the line that says how many were dropped before it."""
        record = logging.LogRecord(_AGENT, logging.WARNING, "", 0, "log lines dropped", None, None)
        record.__dict__[_FACTS] = {"dropped": lines}
        return self.format(record) + "\n"


class _JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        members = {
            **_facts(record),
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "timestamp": _timestamp(record),
        }
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return printable_json(json.dumps(members, default=repr))


class _TextFormatter(_Formatter):
    def __init__(self, *, colours: bool) -> None:
        super().__init__()
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line, followed by its traceback."""
        level, event = record.levelname.lower(), printable(record.getMessage())
        facts = [f"{self._in(_CYAN, printable(name))}={_value(value)}" for name, value in _facts(record).items()]
        line = " ".join(
            [
                self._in(_DIM, _timestamp(record)),
                f"[{self._in(_LEVEL_COLOURS.get(level, _BOLD), level.ljust(9))}]",
                self._in(_BOLD, event.ljust(_EVENT_WIDTH) if facts else event),
                *facts,
            ]
        )
        return line + ("\n" + traceback_text(self.formatException(record.exc_info)) if record.exc_info else "")

    def _in(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text


def _facts(record: logging.LogRecord) -> dict[str, object]:
    own = record.__dict__.get(_FACTS)
    return {**_bound, **own} if isinstance(own, dict) else {**_bound}


def _timestamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")


def _value(value: object) -> str:
    """Return a value on one line; quoted if it could be read as more than one fact."""
    text = value if isinstance(value, str) else repr(value)
    quoted = isinstance(value, str) and (not text or _AMBIGUOUS.search(text))
    return printable(repr(text) if quoted else text)
