"""The agent's page names every setting, with the default that the code has."""

from pathlib import Path

import msgspec

from ferryman.agent.process.resource_limits import DEFAULT_LIMITS
from ferryman.agent.settings import DEFAULT_SETTINGS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "agent.md").read_text()


def shown(default: object) -> str:
    """A default as the page has it."""
    return "none" if default is None else f"`{msgspec.json.encode(default).decode().replace(',', ', ')}`"


def test_every_setting_is_described_with_its_default() -> None:
    settings = msgspec.structs.asdict(DEFAULT_SETTINGS)
    del settings["limits"], settings["kms"]
    limits = {f"limits.{name}": value for name, value in msgspec.structs.asdict(DEFAULT_LIMITS).items()}
    kms = {f"kms.{name}": value for name, value in msgspec.structs.asdict(DEFAULT_SETTINGS.kms).items()}
    rows = [f"| `{name}` | {shown(default)} |" for name, default in (settings | limits | kms).items()]
    assert len(rows) > 10
    assert [row for row in rows if row not in PAGE] == []
