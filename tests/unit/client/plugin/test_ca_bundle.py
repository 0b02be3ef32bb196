"""Where the CA file is named."""

from pathlib import Path

import pytest

from ferryman.client.plugin.ca_bundle import ca_file

CONFIG = """
[default]
ca_bundle = /default.pem
[profile work]
region = eu-north-1
ca_bundle = ~/work.pem
[profile plain]
region = eu-north-1
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "config").write_text(CONFIG)
    return {"AWS_CONFIG_FILE": str(tmp_path / "config")}


@pytest.mark.parametrize(
    ("profile", "changes", "named"),
    [
        ("", {}, "/default.pem"),
        ("work", {}, "~/work.pem"),
        ("work", {"AWS_CA_BUNDLE": "/first.pem"}, "/first.pem"),
        ("", {"AWS_PROFILE": "work"}, "~/work.pem"),
        ("", {"AWS_DEFAULT_PROFILE": "work"}, "~/work.pem"),
        ("default", {"AWS_PROFILE": "work"}, "/default.pem"),
        ("plain", {}, None),
        ("unknown", {}, None),
    ],
)
def test_the_variable_then_the_profile(
    environment: dict[str, str], profile: str, changes: dict[str, str], named: str | None
) -> None:
    assert ca_file(environment | changes, profile) == (Path(named).expanduser() if named else None)


@pytest.mark.parametrize("content", [None, b"no section = 1", b"\xff\xfe[default]", b"[default"])
def test_an_unreadable_configuration_names_nothing(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "config"
    if content is not None:
        path.write_bytes(content)
    assert ca_file({"AWS_CONFIG_FILE": str(path)}, "") is None
