"""An opening that is refused after ResumeSession: its token may have been replaced by a call that was answered late."""

import subprocess
from collections.abc import Callable
from typing import Any

from tests.waiting import PATIENCE

Start = Callable[..., subprocess.Popen[bytes]]


def test_a_refused_opening_after_a_resume_is_one_more_attempt(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.say(b"before\n")
    far_end.stale_openings = 2
    far_end.cut()
    far_end.until(lambda: len(far_end.openings) == 4)
    far_end.say(b"after\n")
    far_end.delivered()
    far_end.end()
    stdout, stderr = plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 0, stderr
    assert stdout.count(b"before\nafter\n") == 1
    assert far_end.calls == ["ResumeSession"] * 3
    tokens = [opening.token_value for opening in far_end.openings]
    assert len(set(tokens)) == 4, "a token is for one opening"


def test_refused_openings_end_with_the_limit_of_an_outage(far_end: Any, start: Start) -> None:
    plugin = start(far_end.arguments(), extra={"FERRYMAN_RECONNECT_SECONDS": "4"})
    far_end.until(lambda: far_end.sizes)
    far_end.stale_openings = 1000
    far_end.cut()
    _, stderr = plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 1
    assert b"could not be restored within 4 s" in stderr
    assert 2 <= len(far_end.calls) <= 12


def test_a_first_opening_that_is_refused_is_followed_by_a_resume(far_end: Any, start: Start) -> None:
    far_end.stale_openings = 1
    plugin = start(far_end.arguments())
    far_end.until(lambda: far_end.sizes)
    far_end.end()
    plugin.communicate(timeout=PATIENCE)
    assert plugin.returncode == 0
    assert far_end.calls == ["ResumeSession"]
