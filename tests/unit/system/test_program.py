"""The program starts parts of itself, however it is installed."""

import shutil
import subprocess
import sys
import zipapp
from importlib.metadata import distribution
from pathlib import Path

import pytest

import ferryman
from ferryman.system import program

SHOWS_COMMAND = """
import json
from ferryman.cli.main import main
from ferryman.system.program import part_command
import sys
if sys.argv[1:2] == ["show"]:
    print(json.dumps(part_command("document-sandbox", "1", "768", isolated=True)))
else:
    print(sys.modules["ferryman"].__file__, file=sys.stderr)
    main()
"""


def test_an_installed_package_starts_the_module(tmp_path: Path) -> None:
    command = program.part_command("document-sandbox", "2", "768", isolated=True)
    assert command[:5] == [sys.executable, "-E", "-P", "-m", "ferryman.cli.main"]
    assert answers(command, tmp_path)


def test_a_frozen_program_starts_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/ferryman-agent")
    command = program.part_command("zygote", "/var/lib/ferryman-agent", "5")
    assert command == ["/opt/ferryman-agent", "internal-part", "zygote", "/var/lib/ferryman-agent", "5"]


def test_an_archive_is_started_again_by_its_absolute_path(tmp_path: Path) -> None:
    """A zipapp of Ferryman; the packages it depends on are in the environment, for they cannot be loaded from a zip."""
    archive = zipped(tmp_path)
    dependencies = str(distribution("msgspec").locate_file(""))
    shown = subprocess.run(
        [sys.executable, "-S", archive.name, "show"],
        cwd=archive.parent,
        env={"PYTHONPATH": dependencies},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f'"{archive}"' in shown.stdout
    assert '"-m"' not in shown.stdout
    done = subprocess.run(
        [sys.executable, "-S", str(archive), "internal-part", "document-sandbox", "1", "768"],
        cwd="/",
        env={"PYTHONPATH": dependencies},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    assert str(archive) in done.stderr.decode()
    assert done.stdout == bytes(4)


def zipped(directory: Path) -> Path:
    source = directory / "source"
    without = shutil.ignore_patterns("__pycache__", "server", "store", "client")
    shutil.copytree(Path(ferryman.__file__).parent, source / "ferryman", ignore=without)
    (source / "__main__.py").write_text(SHOWS_COMMAND)
    zipapp.create_archive(source, directory / "ferryman.pyz")
    return directory / "ferryman.pyz"


def answers(command: list[str], directory: Path) -> bool:
    """Whether the sandbox says that it is ready, started without an environment in another directory."""
    done = subprocess.run(command, cwd=directory, env={}, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return done.stdout == bytes(4)
