"""What each installation can run: the base, the base with `agent`. Other extras' packages are made to be missing."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
missing = set(sys.argv[1].split(","))
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])
sys.meta_path.insert(0, Missing())
sys.argv = ["ferryman", *sys.argv[2:]]
from ferryman.cli.main import main
main()
"""
OF_SERVER = "sqlalchemy,alembic"
OF_EXTRAS = f"{OF_SERVER},cryptography,structlog"


def run(
    missing: str, *arguments: str, directory: Path | None = None, agent_state: Path = Path("/nowhere")
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, missing, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=directory,
        env={
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
            "FERRYMAN_AGENT_STATE": str(agent_state),
        },
    )


def test_the_base_is_the_client() -> None:
    assert run(OF_EXTRAS, "--help").returncode == 0
    assert "No region is set" in run(OF_EXTRAS, "sessions", "list").stderr
    assert "[NO] Configuration" in run(OF_EXTRAS, "doctor").stdout


def test_doctor_of_a_base_installation_skips_the_agent_registered_on_this_machine(tmp_path: Path) -> None:
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


def test_nodes_need_neither_botocore_nor_the_store(tmp_path: Path) -> None:
    done = run(f"{OF_SERVER},botocore", "agent", "run", "--state-dir", str(tmp_path))
    assert "ferryman agent register" in done.stderr
    assert done.returncode == 1
