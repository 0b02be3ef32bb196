"""A server that was set up, for tests of commands and of what they put together."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.cli.operate.init import Initialised, ServerPlan, initialise


@pytest.fixture(scope="session")
def set_up_once(tmp_path_factory: pytest.TempPathFactory) -> Initialised:
    return initialise(ServerPlan(tmp_path_factory.mktemp("once")))


@pytest.fixture
def made(set_up_once: Initialised, tmp_path: Path) -> Initialised:
    """A server of the test's own; setting up takes a third of a second, copying does not."""
    directory = tmp_path / "server"
    shutil.copytree(set_up_once.configuration.parent, directory)
    configuration = directory / set_up_once.configuration.name
    return replace(set_up_once, configuration=configuration, profile_directory=directory / "aws")
