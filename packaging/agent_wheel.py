"""Builds the wheel for agents: of Ferryman's modules only those that an agent can import, and the units of its service.

It is the same project in a variant of its version (0.1.0+agent), so pip replaces one wheel by the other instead of
mixing them.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from modulefinder import ModuleFinder
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
VARIANT = "agent"
ENTRIES = ("ferryman.cli.main", "ferryman.cli.operate.agent_process", "ferryman.agent.workers.zygote")
"""Where the agent's processes start. What these import, also inside functions, is what an agent needs."""
OF_OTHERS = (
    "ferryman.cli.app",
    "ferryman.cli.program.commands",
    "ferryman.cli.program.completion",
    "ferryman.client.api",
)
"""What the entries import only where other extras are installed."""
UNITS = "ferryman/installation/units/*agent*"
BESIDE = ("LICENSE", "README.md", "hatch_build.py")
PROJECT = """\
[build-system]
requires = {requires}
build-backend = {backend}

[project]
name = {name}
version = {version}
description = {description}
readme = {readme}
license = {license}
license-files = ["LICENSE"]
authors = [{{ name = {author} }}]
keywords = {keywords}
dynamic = ["urls"]
requires-python = {python}
classifiers = {classifiers}
dependencies = {dependencies}

# Both wheels can be named in the same way: with the extra [agent].
[project.optional-dependencies]
agent = []

[project.scripts]
ferryman = {script}

[tool.hatch.metadata.hooks.custom]
path = "hatch_build.py"

[tool.hatch.build.targets.wheel]
packages = ["src/ferryman"]
"""


def build(directory: Path) -> Path:
    """Build the wheel into a directory, which has none yet or one of the same version, and return its path."""
    with tempfile.TemporaryDirectory() as made:
        tree = Path(made)
        for path in files():
            copy = tree / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        (tree / "pyproject.toml").write_text(project())
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(directory)]
        subprocess.run(command, cwd=tree, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = directory.glob(f"*+{VARIANT}-*.whl")
    return wheel


def files() -> list[Path]:
    """Return every file of the checkout that the wheel is built from."""
    return [*modules(), *sorted(SOURCE.glob(UNITS)), *(ROOT / name for name in BESIDE)]


def modules() -> list[Path]:
    """Return the files of the modules that the entries import, and of the packages they are in."""
    finder = ModuleFinder(path=[str(SOURCE)], excludes=OF_OTHERS)
    for name in ENTRIES:
        finder.import_hook(name)
    found = finder.modules.items()
    return sorted(Path(str(module.__file__)) for name, module in found if name.partition(".")[0] == "ferryman")


def project() -> str:
    """Return the wheel's pyproject.toml, made of the checkout's."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    said = whole["project"]
    values = {
        "requires": whole["build-system"]["requires"],
        "backend": whole["build-system"]["build-backend"],
        "name": said["name"],
        "version": f"{said['version']}+{VARIANT}",
        "description": f"{said['description']}: the agent",
        "readme": said["readme"],
        "license": said["license"],
        "author": said["authors"][0]["name"],
        "keywords": said["keywords"],
        "python": said["requires-python"],
        "classifiers": [each for each in said["classifiers"] if "MacOS" not in each and "Windows" not in each],
        "dependencies": said["dependencies"] + said["optional-dependencies"]["agent"],
        "script": said["scripts"]["ferryman"],
    }
    return PROJECT.format(**{name: json.dumps(value) for name, value in values.items()})


def main() -> None:
    """Build the wheel: `agent_wheel.py DIRECTORY`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")
    print(build(parser.parse_args().directory.absolute()))


if __name__ == "__main__":
    main()
