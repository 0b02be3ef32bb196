"""The catalogue of commands, what loads with which, help pages, and what is said about wrong arguments."""

import shlex
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ferryman.cli.app import app
from ferryman.cli.command_line import SEPARATOR
from ferryman.cli.program.catalogue import ALIASES, ENTRIES, EXAMPLES, PANELS, POINTERS
from ferryman.cli.program.commands import Command, Group
from ferryman.cli.program.help_page import first_page
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.values.versions import AGENT_VERSION, CLIENT_VERSION, PRODUCT_VERSION
from tests.unit.cli.program.command_tree import EVERY, ROOT

HEAVY = ("typer", "rich", "botocore", "pydantic", "asyncio", "aiohttp", "sqlalchemy", "cryptography")


def ferryman(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "80"})


def loaded_by(*arguments: str) -> set[str]:
    """Run the command in a process of its own; return which of the heavy packages it imported."""
    script = (
        "import sys; sys.argv = ['ferryman', *sys.argv[1:]]\n"
        "from ferryman.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.stderr.write('\\n' + ' '.join(n for n in sys.modules if '.' not in n))"
    )
    environment = {"AWS_CONFIG_FILE": "/nowhere", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return set(done.stderr.splitlines()[-1].split()) & set(HEAVY)


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",), ("help",), ("--version",), ("-V",)])
def test_first_page_and_version_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert loaded_by(*arguments) == set()


def test_a_listing_imports_neither_pydantic_nor_rich() -> None:
    call = ("nodes", "--endpoint-url", "http://127.0.0.1:1", "--region", "us-east-1")
    assert loaded_by(*call) == {"typer", "botocore"}


def test_every_command_is_made_of_our_classes() -> None:
    assert {path for path, command in EVERY.items() if not isinstance(command, Command | Group)} == set()


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(EVERY)


@pytest.mark.parametrize("example", sorted({each for examples in EXAMPLES.values() for each in examples}))
def test_examples_parse(example: str) -> None:
    words = shlex.split(example.removeprefix('eval "$(').removesuffix(')"'))
    words = words[: words.index(">")] if ">" in words else words
    assert words.pop(0) == "ferryman"
    command, path = ROOT, "ferryman"
    while isinstance(command, Group) and words and not words[0].startswith("-"):
        path = f"{path} {words[0]}"
        command = command.get_command(None, words.pop(0))
        assert command is not None, path
    missing = {"FERRYMAN_ACTIVATION_CODE": "code"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in missing.items():
            patched.setenv(name, value)
        try:
            command.make_context(path, words)
        except typer.BadParameter as wrong:  # files of examples are not here
            if "does not exist" not in str(wrong):
                raise


def test_every_panel_has_commands_and_every_line_fits() -> None:
    assert {entry.panel for entry in ENTRIES.values()} == set(PANELS)
    assert [line for line in first_page().splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("path", sorted(EVERY))
def test_help_names_no_types_and_fits_the_terminal(path: str) -> None:
    done = ferryman(*path.split(), "-h")
    assert done.exit_code == 0
    assert "<" not in done.stdout.replace("[PARAMETERS]", "")
    wide = [line for line in done.stdout.splitlines() if len(line) > 80]
    assert [line for line in wide if not line.strip().startswith(("ferryman ", "[[BIND"))] == []


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_an_alias_is_the_command(alias: str, name: str) -> None:
    assert ROOT.get_command(None, alias) is ROOT.get_command(None, name)
    assert alias not in ENTRIES


@pytest.mark.parametrize(("name", "pointer"), POINTERS.items())
def test_a_command_that_does_not_exist_points_elsewhere(name: str, pointer: str) -> None:
    done = ferryman(name)
    assert done.exit_code == 2
    assert pointer in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("shel",), "There is no command shel. Did you mean shell"),
        (("nodes", "shw"), "There is no command shw. Did you mean show? See `ferryman nodes --help`."),
        (("nodes", "--stat"), "--status"),
        (("shell", "a", "b"), "unexpected extra argument"),
        (("access", "request", "web-1"), "'--reason'"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], said: str) -> None:
    done = ferryman(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_group_alone_shows_its_help() -> None:
    assert ferryman("recordings").stdout == ferryman("recordings", "--help").stdout


def test_nodes_list_is_nodes() -> None:
    alone, listed = (ferryman(*words, "--endpoint-url", "x") for words in (["nodes"], ["nodes", "list"]))
    assert "is not the address of a server" in str(listed.exception)
    assert str(listed.exception) == str(alone.exception)


def test_help_of_a_command_ends_at_the_separator() -> None:
    done = ferryman("run", SEPARATOR, "uname", "--help")
    assert done.exit_code == 2
    assert "NODE" in done.stderr


def test_version_names_the_product_and_what_peers_see() -> None:
    assert ferryman("--version").stdout == (
        f"ferryman {PRODUCT_VERSION} (to peers: client {CLIENT_VERSION}, agent {AGENT_VERSION})\n"
    )


@pytest.mark.parametrize("coloured", [True, False])
def test_headings_are_bold_where_colours_are_wanted(coloured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferryman.cli.program.help_page.is_coloured", lambda: coloured)
    assert ("\x1b[1mOptions:" in first_page()) is coloured


def test_a_choice_is_read_as_its_own_type_in_any_case() -> None:
    role: Any = EVERY["user add"]
    context = role.make_context("add", ["alice", "--role", "ADMINISTRATOR"])
    assert context.params["role"] is BuiltinRole.ADMINISTRATOR
    assert role.make_context("add", ["alice"]).params["role"] is BuiltinRole.OPERATOR
