"""What the logs say of an error, and what they must not."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ferryman.cli.logs import configure


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the standard library's loggers as they were."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def fail(token: str) -> None:
    raise ValueError(f"cannot use a token of {len(token)} characters")


@pytest.mark.parametrize("form", ["json", "text"])
def test_tracebacks_show_where_and_not_with_what(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    log = configure("info", "json" if form == "json" else "text")
    words = ["the", "secret", "itself"]
    secret = "-".join(words)  # written whole, the traceback's source lines would show it
    try:
        fail(secret)
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("aiohttp.server").exception("failed, too")
    log.drain()
    logged = capfd.readouterr().err
    assert logged.count("cannot use a token of 17 characters") >= 2
    assert secret not in logged


def test_lines_are_json_with_what_was_bound(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure("info", "json")
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().info("request", status=200)
        structlog.get_logger().debug("not this")
    log.drain()
    line = json.loads(capfd.readouterr().err)
    assert (line["event"], line["level"], line["request_id"], line["status"]) == ("request", "info", "r-1", 200)
    assert line["timestamp"].endswith("Z")


def test_lines_for_a_terminal_are_text_unless_a_format_is_set(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure("info", None)
    structlog.get_logger().info("for a pipe")
    log.drain()
    assert json.loads(capfd.readouterr().err)["event"] == "for a pipe"


HOSTILE = "\x1b]0;owned\x07\r\n2026-01-01T00:00:00Z [info     ] request status=200\x9b2J\x7f\u202e\u2028\udc80"


def log_hostile_text() -> None:
    log = structlog.get_logger()
    log.info(HOSTILE, path=HOSTILE, members={HOSTILE: [HOSTILE]}, error=OSError(HOSTILE), status=400)
    logging.getLogger("aiohttp.server").warning("cannot read %s", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("failed", stack_info=True)
        logging.getLogger("aiohttp.server").exception("failed: %s", HOSTILE)


def test_foreign_text_cannot_control_a_terminal_or_forge_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure("info", "text")
    log_hostile_text()
    log.drain()
    logged = capfd.readouterr().err
    assert logged.replace("\n", "").isprintable()
    records = [line for line in logged.splitlines() if not line.startswith("  | ")]
    assert len(records) == 4, records
    assert "status=400" in records[0]
    assert [line for line in records if line.startswith("2026-01-01T00")] == []


def test_a_value_does_not_pass_for_another_member(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure("info", "text")
    structlog.get_logger().info("request", path="/ status=200", agent="a'b", plain="/healthz")
    log.drain()
    words = capfd.readouterr().err.split("request", 1)[1].split(" ", 1)[1].strip()
    assert sorted(words.replace("'/ status", "'/_status").split()) == [
        'agent="a\'b"',
        "path='/_status=200'",
        "plain=/healthz",
    ]


def test_foreign_text_in_json_is_one_valid_line(capfd: pytest.CaptureFixture[str]) -> None:
    log = configure("info", "json")
    log_hostile_text()
    log.drain()
    lines = capfd.readouterr().err.splitlines()
    assert [len(lines), *map(str.isprintable, lines)] == [4, True, True, True, True]
    first = json.loads(lines[0])
    assert (first["event"], first["path"]) == (HOSTILE, HOSTILE)
