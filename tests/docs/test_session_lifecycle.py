"""The times in the session lifecycle's page are those of the program, and so are the texts."""

import re
from dataclasses import fields
from pathlib import Path

from ferryman.core.service import Limits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reference/session-lifecycle.md").read_text()
SECONDS = {"s": 1, "min": 60, "h": 3600, "days": 86_400}
NOT_TIMES = {
    "body_bytes",
    "frame_bytes",
    "calls_per_second",
    "calls_burst",
    "connections_per_caller",
    "connections_per_address",
    "request_memory",
    "waiting_sessions",
    "waiting_bytes",
    "sessions_on_node",
}
ELSEWHERE = {
    "channel_token_life",  # between server and agent; nobody sees it
    "node_key_days",  # nodes', in the configuration's page
    "inactive_days",
}


def seconds(setting: str, value: int | None) -> int | None:
    if value is None:
        return None
    unit = "min" if setting.endswith("_minutes") else "days" if setting.endswith("_days") else "s"
    return value * SECONDS[unit]


def test_every_time_is_there_with_its_default() -> None:
    found = {}
    for setting, value in re.findall(r"^\| .* \| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE):
        number, _, unit = value.partition(" ")
        found[setting] = None if value == "none" else int(number) * SECONDS[unit]
    names = {field.name for field in fields(Limits)} - NOT_TIMES - ELSEWHERE
    assert found == {name: seconds(name, getattr(Limits(), name)) for name in names}


def test_every_text_is_in_the_program() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "src/ferryman/core").rglob("*.py"))
    # What stands between an f-string's braces is a <name> on the page; a count carries its unit with it.
    templates = set(re.findall(r'f"([^"\n]*)"', sources))
    shapes = {re.sub(r"\{[^}]*\}", "<>", template) for template in templates}
    texts = re.findall(r"^\| .* \| (?:Terminated|Failed) \| `(.+)` \|$", PAGE, re.MULTILINE)
    assert len(texts) == 9
    for text in texts:
        assert re.sub(r"<[^>]*>", "<>", text.replace("<n> minutes", "<n>")) in shapes
