import json
import subprocess
import sys

from tests.waiting import PATIENCE

SCRIPT = """
import logging
from ferryman.agent.logs import configure, logger
configure()
hostile = "\\x1b]0;x\\x07\\nforged\\x7f\\x9b2J\\u202e"
try:
    raise ValueError(hostile)
except ValueError:
    logger("test").exception("failed", reason=hostile)
logging.getLogger("asyncio").error("not retrieved: %s", hostile)
"""
HOSTILE = "\x1b]0;x\x07\nforged\x7f\x9b2J\u202e"


def test_text_from_a_peer_is_one_line_of_the_journal() -> None:
    """In JSON, and from loggers that nobody configured."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True, timeout=PATIENCE)
    first, second, *rest = done.stderr.decode().split("\n")
    assert rest == [""]
    assert first.isprintable()
    assert json.loads(first)["reason"] == HOSTILE
    assert second == "not retrieved: \\x1b]0;x\\x07\\nforged\\x7f\\x9b2J\\u202e"
