"""The agent's commands without Typer: as declared for Typer, read by argparse."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from ferryman.cli.operate import agent
from tests.unit.cli.installations import OF_CLIENT, run

COMMANDS: dict[str, Any] = vars(typer.main.get_command(agent.app))["commands"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_command_has_the_same_options(name: str) -> None:
    done = run(OF_CLIENT, "agent", name, "--help")
    assert done.returncode == 0, done.stderr
    assert options(done.stdout) == options(run("nothing", "agent", name, "--help").stdout)


def options(page: str) -> set[str]:
    return set(re.findall(r"^  (--?[a-z-]+(?:, --[a-z-]+)?)", page, re.MULTILINE))


def test_an_option_is_read_from_its_variable(tmp_path: Path) -> None:
    done = run(OF_CLIENT, "agent", "run", agent_state=tmp_path / "from-variable")
    assert str(tmp_path / "from-variable") in done.stderr


def test_a_command_without_what_it_needs_names_the_option() -> None:
    done = run(OF_CLIENT, "agent", "register", "--activation-id=x", "--activation-code=-")
    assert done.returncode == 2
    assert done.stderr == "ferryman: Missing option --endpoint-url. See `ferryman agent register --help`.\n"


def test_a_callback_learns_where_a_value_is_from() -> None:
    done = run(
        OF_CLIENT, "agent", "register", "--endpoint-url=http://h", "--activation-id=x", "--activation-code=secret"
    )
    assert "is not accepted as an argument" in done.stderr
    assert done.returncode == 1


def test_a_value_that_is_not_a_choice_is_refused() -> None:
    done = run(OF_CLIENT, "agent", "run", "--log-level", "loud")
    assert done.returncode == 2
    assert "loud" in done.stderr


def test_a_file_that_must_exist_is_looked_for(tmp_path: Path) -> None:
    missing = tmp_path / "ca.pem"
    arguments = ("--endpoint-url=https://h", "--activation-id=x", "--activation-code=-", f"--ca-file={missing}")
    done = run(OF_CLIENT, "agent", "register", *arguments)
    assert done.returncode == 2
    assert f"--ca-file: {missing} does not exist" in done.stderr


def test_values_reach_the_command_with_their_types() -> None:
    script = """
import sys
from pathlib import Path
from typing import Annotated
sys.modules["typer"] = None
import importlib.util
importlib.util.find_spec = lambda name: None
from ferryman.cli.output.plain import App, typer
app = App(help="")
@app.command("try")
def command(
    *,
    path: Annotated[Path | None, typer.Option("--path", help="")] = None,
    user: Annotated[list[str] | None, typer.Option("--user", help="")] = None,
    flag: Annotated[bool, typer.Option("--flag", help="")] = False,
    kept: Annotated[str, typer.Option("--kept", help="")] = "default",
) -> None:
    print(repr((path, user, flag, kept)))
app("group", "try", "--path", "p", "--user", "a", "--user", "b", "--flag")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "(PosixPath('p'), ['a', 'b'], True, 'default')\n", done.stderr
