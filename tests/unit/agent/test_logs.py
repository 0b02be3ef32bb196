import json
import subprocess
import sys

import pytest

from tests.waiting import PATIENCE

SCRIPT = """
import logging, sys
from ferryman.agent.logs import LogSettings, bind, configure, logger
log = configure(LogSettings(sys.argv[1], sys.argv[2]))
bind(session_id="s-1")
hostile = "\\x1b]0;x\\x07\\n2026-01-01T00:00:00Z [info     ] forged\\x7f\\x9b2J\\u202e\\udc80"
logger("test").debug("sought")
logger("test").info("100% seen", count=3, path="/ status=200", plain="/healthz")
try:
    raise ValueError(hostile)
except ValueError:
    logger("test").exception("failed", reason=hostile, error=OSError(hostile))
logging.getLogger("asyncio").info("chatter")
logging.getLogger("asyncio").error("not retrieved: %s", hostile)
log.drain()
"""
HOSTILE = "\x1b]0;x\x07\n2026-01-01T00:00:00Z [info     ] forged\x7f\x9b2J\u202e\udc80"


def logged(level: str, form: str) -> str:
    command = [sys.executable, "-c", SCRIPT, level, form]
    done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    return done.stderr.decode()


@pytest.mark.parametrize("form", ["json", "auto"])
def test_text_from_a_peer_is_one_line_of_the_journal(form: str) -> None:
    lines = logged("info", form).splitlines()
    assert all(line.isprintable() for line in lines)
    seen, failed, foreign = map(json.loads, lines)
    assert (seen["event"], seen["level"], seen["session_id"], seen["count"]) == ("100% seen", "info", "s-1", 3)
    assert seen["timestamp"].endswith("Z")
    assert (failed["event"], failed["level"], failed["reason"]) == ("failed", "error", HOSTILE)
    assert HOSTILE in failed["exception"]
    assert (foreign["event"], foreign["level"]) == (f"not retrieved: {HOSTILE}", "error")


def test_text_from_a_peer_cannot_forge_a_line_for_people() -> None:
    text = logged("info", "text")
    assert text.replace("\n", "").isprintable()
    records = [line for line in text.splitlines() if not line.startswith("  | ")]
    assert ["100% seen" in records[0], "failed" in records[1], "not retrieved" in records[2]] == [True] * 3
    assert len(records) == 3
    assert records[0].split("seen", 1)[1].split() == [
        "session_id=s-1",
        "count=3",
        "path='/",
        "status=200'",
        "plain=/healthz",
    ]
    assert "  | ValueError: " in text


@pytest.mark.parametrize(("level", "events"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 2)])
def test_lines_below_the_level_are_left_out(level: str, events: int) -> None:
    assert len(logged(level, "json").splitlines()) == events
