import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ferryman
from ferryman.client import api
from ferryman.model.values.versions import AGENT_VERSION, CLIENT_VERSION, PRODUCT_VERSION


def test_importing_the_package_imports_nothing_else() -> None:
    script = "import sys, ferryman; print(sorted(n for n in sys.modules if n.startswith(('ferryman.', 'botocore'))))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_public_names_are_those_of_the_api() -> None:
    assert ferryman.__all__ == api.__all__
    for name in ferryman.__all__:
        assert getattr(ferryman, name) is getattr(api, name)
        assert name in dir(ferryman)


def test_another_name_is_not_an_attribute() -> None:
    with pytest.raises(AttributeError, match="connekt"):
        _ = ferryman.connekt


def test_every_version_follows_the_package() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == PRODUCT_VERSION
    major, minor, patch = map(int, project["version"].split("."))
    assert f"4.{major}.{minor}.{patch}" == AGENT_VERSION
    assert f"1.{3 + major}.{minor}.{patch}" == CLIENT_VERSION
