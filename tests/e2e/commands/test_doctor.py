"""What `ferryman doctor` says of a running demo, and of what is wrong with it."""

import json
from pathlib import Path

import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.doctor import doctor
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import wait_until


def test_the_doctor_finds_nothing_wrong(ferryman: Ferryman) -> None:
    server = Path(ferryman.facts["profile_dir"]).parent
    files = ("--state-dir", str(server.parent / "agent1"), "--config", str(server / "ferryman.toml"))
    command = (FERRYMAN, "doctor", "--target", ferryman.node_id, *files, "--json")

    def good() -> list[dict[str, str]] | None:
        """What it finds; None if it has waited in vain for a busy machine."""
        done = warm_programs.run(*command, environment=ferryman.environment)
        found: list[dict[str, str]] = json.loads(done.stdout)
        print(found)
        return found if {finding["verdict"] for finding in found} == {"good"} else None

    assert any("Ferryman's" in finding["said"] for finding in wait_until(good))


@pytest.mark.parametrize(
    ("arguments", "changes", "said"),
    [
        (("--endpoint-url", "http://127.0.0.1:9"), {}, "nothing is listening"),
        (("--endpoint-url", "ftp://x"), {}, "is not the address of a server"),
        ((), {"AWS_SECRET_ACCESS_KEY": "wrong"}, "SignatureDoesNotMatch"),
        ((), {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, "`ferryman user key add`"),
        (("--target", "mi-00000000000000000"), {}, "no node with that id"),
        (("--state-dir", "/nowhere"), {}, "ferryman agent register"),
        (("--config", "/nowhere/ferryman.toml"), {}, "No such file"),
        (("--profile", "absent"), {}, "absent"),
    ],
)
def test_the_doctor_names_what_is_wrong(
    ferryman: Ferryman, arguments: tuple[str, ...], changes: dict[str, str], said: str
) -> None:
    done = doctor(ferryman, said, *arguments, **changes)
    assert done.returncode == 1
    assert any(said in line for line in done.stdout.splitlines() if line.startswith("[NO]")), done.stdout


def test_the_doctor_misses_the_plugin_where_the_aws_cli_is(ferryman: Ferryman, tmp_path: Path) -> None:
    (tmp_path / "aws").symlink_to(AWS)
    missed = "[NO] session-manager-plugin: it is not on PATH"
    assert doctor(ferryman, missed, PATH=str(tmp_path)).returncode == 1
    assert doctor(ferryman, "the server knows you as").returncode == 0
