"""The standard library's log records in text."""

import io
import logging
from collections.abc import Iterator

import pytest

from ferryman.model.values.text import PrintableFormatter, guard_last_resort

HOSTILE = "\x1b]0;x\x07\n2026-01-01 [info] forged\x9b2J\u202e"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    text, log = io.StringIO(), logging.getLogger("ferryman.test.log_text")
    handler = logging.StreamHandler(text)
    handler.setFormatter(PrintableFormatter())
    log.addHandler(handler)
    log.propagate = False
    yield text
    log.removeHandler(handler)
    log.propagate = True


def test_a_record_is_a_line_and_a_traceback_has_a_margin(stream: io.StringIO) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logging.getLogger("ferryman.test.log_text").exception("failed: %s", HOSTILE, stack_info=True)
    first, *rest = stream.getvalue().splitlines()
    assert first == "failed: \\x1b]0;x\\x07\\n2026-01-01 [info] forged\\x9b2J\\u202e"
    assert len(rest) > 5
    assert all(line.startswith("  | ") and line.isprintable() for line in rest)


def test_loggers_that_nobody_configured_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    handler = logging.StreamHandler(io.StringIO())
    monkeypatch.setattr(logging, "lastResort", handler)
    guard_last_resort()
    assert isinstance(handler.formatter, PrintableFormatter)
