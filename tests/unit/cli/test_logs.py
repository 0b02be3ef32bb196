"""What the logs say of an error, and what they must not."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from ferryman.cli.logs import configure


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Other tests log as if nothing had been configured."""
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def fail(token: str) -> None:
    raise ValueError(f"cannot use a token of {len(token)} characters")


@pytest.mark.parametrize("form", ["json", "text"])
def test_tracebacks_show_where_and_not_with_what(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json" if form == "json" else "text")
    words = ["the", "secret", "itself"]
    secret = "-".join(words)  # written whole, the traceback's source lines would show it
    try:
        fail(secret)
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("aiohttp.server").exception("failed, too")
    logged = capsys.readouterr().err
    assert logged.count("cannot use a token of 17 characters") >= 2
    assert secret not in logged


def test_lines_are_json_with_what_was_bound(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().info("request", status=200)
        structlog.get_logger().debug("not this")
    line = json.loads(capsys.readouterr().err)
    assert (line["event"], line["level"], line["request_id"], line["status"]) == ("request", "info", "r-1", 200)
    assert line["timestamp"].endswith("Z")
