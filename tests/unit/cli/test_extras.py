"""What each installation can run: with `client`, with `agent`. Other extras' packages are made to be missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.model.values.versions import PRODUCT_VERSION
from tests.unit.cli.installations import OF_CLIENT, OF_EXTRAS, SCRIPT, run


def test_the_client_needs_nothing_of_the_others() -> None:
    assert run(OF_EXTRAS, "--help").returncode == 0
    assert "No Ferryman server is configured" in run(OF_EXTRAS, "sessions", "list").stderr
    assert "[NO] Configuration" in run(OF_EXTRAS, "doctor").stdout


def test_doctor_of_a_client_installation_skips_the_agent_registered_on_this_machine(tmp_path: Path) -> None:
    (tmp_path / "registration.json").write_text("{}")
    done = run(OF_EXTRAS, "doctor", agent_state=tmp_path)
    assert "[NO] Configuration" in done.stdout, done.stderr
    assert f"[--] Agent: {tmp_path} was not checked" in done.stdout
    assert "ferryman[agent]" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("init", "--directory", "new"), "server"),
        (("user", "list", "--config", "ferryman.toml"), "server"),
        (("server", "--config", "ferryman.toml"), "server"),
        (("agent", "run", "--state-dir", "state"), "agent"),
        (("agent", "register", "--endpoint-url=http://x", "--activation-id=x", "--activation-code=-"), "agent"),
    ],
)
def test_what_is_not_installed_is_named(tmp_path: Path, arguments: tuple[str, ...], extra: str) -> None:
    (tmp_path / "ferryman.toml").write_text(
        '[server]\naccount_id = "123456789012"\nregion = "us-east-1"\npublic_url = "http://h"\n'
    )
    done = run(OF_EXTRAS, *arguments, directory=tmp_path)
    assert done.returncode == 1
    assert f"ferryman[{extra}]" in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("shell", "web-1"), ("--debug", "nodes", "list"), ("invitation", "list")])
def test_an_installation_of_the_agent_names_the_client(arguments: tuple[str, ...]) -> None:
    done = run(OF_CLIENT, *arguments)
    assert done.returncode == 1
    assert "Install ferryman[client]" in done.stderr, done.stderr


@pytest.mark.parametrize("arguments", [("server", "--config", "ferryman.toml"), ("explain", "alice"), ("user", "list")])
def test_an_installation_of_the_agent_names_the_server(arguments: tuple[str, ...]) -> None:
    done = run(OF_CLIENT, *arguments)
    assert done.stderr.startswith("ferryman: This command is not installed: typer is missing.")
    assert "ferryman[server]" in done.stderr


def test_the_version_is_known_without_the_client() -> None:
    assert run(OF_CLIENT, "--version").stdout.startswith(f"ferryman {PRODUCT_VERSION} ")


def test_the_plugin_without_the_client_names_it() -> None:
    script = SCRIPT.replace("ferryman.cli.main import main\nmain()", "ferryman.cli.session_manager_plugin import main")
    done = subprocess.run(
        [sys.executable, "-c", script + "sys.exit(main())", OF_CLIENT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Install ferryman[client]" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_python_api_without_the_client_names_it() -> None:
    script = SCRIPT.replace("from ferryman.cli.main import main\nmain()", "import ferryman\nferryman.connect")
    done = subprocess.run([sys.executable, "-c", script, OF_CLIENT], capture_output=True, text=True, check=False)
    assert "ferryman.connect needs the client: install ferryman[client]" in done.stderr


def test_nodes_need_nothing_of_the_client(tmp_path: Path) -> None:
    done = run(OF_CLIENT, "agent", "run", "--state-dir", str(tmp_path))
    assert "ferryman agent register" in done.stderr
    assert done.returncode == 1
