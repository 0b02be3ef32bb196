"""Logging is set up for a whole process, so each test has one of its own."""

import json
import subprocess
import sys

SCRIPT = """
import logging, structlog, sys
from ferryman.cli import logs
from ferryman.model.secret import Secret
logs.configure(sys.argv[1], sys.argv[2])
log = structlog.get_logger("ferryman.test")
structlog.contextvars.bind_contextvars(request_id="r-1")
log.debug("unseen")
log.info("session_started", token=Secret("hidden"))
logging.getLogger("aiohttp").info("chatter")
logging.getLogger("aiohttp").warning("noteworthy")
try:
    raise ValueError("boom")
except ValueError:
    log.exception("failed")
"""


def logged(level: str, form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, level, form], capture_output=True, text=True, check=True, timeout=30
    )
    assert not done.stdout
    return done.stderr.splitlines()


def test_json_is_one_object_a_line() -> None:
    started, noteworthy, failed = (json.loads(line) for line in logged("info", "json"))
    assert started["event"] == "session_started"
    assert started["level"] == "info"
    assert started["request_id"] == "r-1"
    assert started["timestamp"].endswith("Z")
    assert "hidden" not in json.dumps(started)
    assert noteworthy["event"] == "noteworthy"
    assert failed["exception"][0]["exc_type"] == "ValueError"


def test_less_is_logged_if_so_wished() -> None:
    assert [json.loads(line)["event"] for line in logged("error", "json")] == ["failed"]


def test_text_is_for_people() -> None:
    lines = logged("debug", "text")
    assert "unseen" in lines[0]
    assert "session_started" in lines[1]
    assert not lines[1].startswith("{")
