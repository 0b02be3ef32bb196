"""How people are asked to install Ferryman: from a release file or a checkout, never by name from a package index."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from ferryman.cli.operate import agent

ROOT = Path(__file__).parents[2]
SOURCES = [
    *ROOT.glob("*.md"),
    ROOT / "Makefile",
    *(path for path in (ROOT / "docs").rglob("*.md") if "decisions" not in path.parts),
    *(path for path in (ROOT / "packaging").rglob("*") if path.is_file() and "__pycache__" not in path.parts),
    *(ROOT / "src").rglob("*.py"),
]
BY_NAME = re.compile(r"(pip3?|pipx|uv|uvx)( tool| pip)? (install|run)\b[^\n`]*?[\s'\"](ferryman(?![\w./-]))")


def index_installs(text: str) -> list[str]:
    return [match[0] for match in BY_NAME.finditer(text.replace("\\\n", " "))]


@pytest.mark.parametrize(
    "line",
    ["pip install ferryman", "pip install 'ferryman[agent]'", "uv tool install ferryman", "pipx install ferryman"],
)
def test_a_name_is_found(line: str) -> None:
    assert index_installs(f"Run `{line}`.")


@pytest.mark.parametrize(
    "line", ["pip install '.[agent]'", "pip install './ferryman-0.1.0-py3-none-any.whl[agent]'", "pip install uvloop"]
)
def test_a_file_or_a_checkout_is_not(line: str) -> None:
    assert not index_installs(f"Run `{line}`.")


def test_nobody_is_asked_to_install_ferryman_from_an_index() -> None:
    found = {str(path.relative_to(ROOT)): index_installs(path.read_text(errors="replace")) for path in SOURCES}
    assert {page: lines for page, lines in found.items() if lines} == {}


def test_the_extras_that_pages_and_messages_name_exist() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    extras = set(re.findall(r"^([\w-]+) = \[", text.partition("[project.optional-dependencies]")[2], re.MULTILINE))
    for path in SOURCES:
        content = path.read_text(errors="replace")
        for named in re.findall(r"(?:ferryman|\.|\.whl)\[([a-z,-]+)\]", content):
            assert set(named.split(",")) <= extras, f"{path.name}: {named}"


WITHOUT_TYPER = """
import importlib.util, sys
sys.modules["typer"] = None
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "typer" else found(name, package)
sys.argv = ["ferryman", "agent", "--help"]
from ferryman.cli.main import main
main()
"""


def test_the_agents_commands_run_where_typer_is_not_installed() -> None:
    """`ferryman.cli.output.plain` supports what they use of Typer; what it does not know of fails here."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_TYPER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    commands = set(vars(typer.main.get_command(agent.app))["commands"])
    assert set(re.findall(r"^  ([a-z][a-z-]+)(?:  |$)", done.stdout, re.MULTILINE)) == commands
