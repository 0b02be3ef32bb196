"""A forward left alone for two hours: both ends and the server are real, time is not (`idle_forwards`)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e import idle_forwards
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def fates() -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.e2e.clocks.jumping_clock", "tests.e2e.idle_forwards"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_a_forward_left_alone_for_two_hours_lives_and_works(fates: dict[str, Any]) -> None:
    assert fates["seconds"] >= 2 * 3600
    assert fates["lasting"] == {"status": "Connected", "details": None, "minutes": None, "exit": None, "works": True}


def test_the_same_forward_ends_when_its_document_limits_idleness(fates: dict[str, Any]) -> None:
    limited = fates["limited"]
    assert (limited["status"], limited["details"]) == ("Terminated", "The session was idle for 60 minutes.")
    assert 60 <= limited["minutes"] < 60 + 2 * idle_forwards.SWEEP / 60
    assert "The session was idle for 60 minutes." in fates["said"]
