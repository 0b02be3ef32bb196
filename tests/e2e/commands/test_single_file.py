"""The agent as one file, on a machine without Python: it registers, and people open shells through it.

Built once with PyInstaller from this environment, which takes some 25 s of CPU time.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until

ROOT = Path(__file__).parents[3]
NEEDED = ("gzip", "id", "mkdir", "mktemp", "mv", "rm", "sh", "tail", "tar")
"""The programs of the system that the file itself needs."""


@pytest.fixture(scope="module")
def single_file(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Path:
    program("objdump")
    path = tmp_path_factory.mktemp("single") / "ferryman"
    builder = [sys.executable, str(ROOT / "packaging/single_file.py"), "agent", str(path)]
    done = subprocess.run(builder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables with a PATH that has no Python, and a directory to unpack to."""
    programs = tmp_path_factory.mktemp("programs")
    for name in NEEDED:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return {
        "PATH": str(programs),
        "FERRYMAN_UNPACK_DIR": str(tmp_path_factory.mktemp("unpacked") / "cache"),
        "HOME": "/nowhere",
    }


def test_a_shell_on_a_node_without_python(
    single_file: Path, environment: dict[str, str], ferryman: Ferryman, tmp_path: Path, open_shell: OpenShell
) -> None:
    program = (str(single_file),)
    with agent_of_its_own(ferryman, tmp_path, ferryman.facts["endpoint_url"], environment, program=program) as node:
        wait_until(lambda: ferryman.is_connected(node))
        shell = open_shell(ferryman, AWS, "ssm", "start-session", "--target", node)
        shell.prompt()
        variables = shell.run("env; echo over-$((40+2))", "over-42").decode()
        assert "LD_LIBRARY_PATH" not in variables
        assert "_PYI" not in variables
        assert "FERRYMAN_PROGRAM" not in variables
        shell.child.send(b"exit\n")
        assert shell.end() == 0


def test_it_is_unpacked_once_and_for_its_user_only(single_file: Path, environment: dict[str, str]) -> None:
    def start() -> None:
        done = subprocess.run(
            [single_file, "--version"], env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert done.stdout.startswith("ferryman "), done.stderr

    start()
    cache = Path(environment["FERRYMAN_UNPACK_DIR"])
    (unpacked,) = cache.iterdir()
    before = unpacked.stat().st_mtime_ns
    start()
    assert [each.stat().st_mtime_ns for each in cache.iterdir()] == [before]
    assert cache.stat().st_mode & 0o777 == 0o700
    assert unpacked.stat().st_mode & 0o077 == 0


def test_a_damaged_file_is_not_run(single_file: Path, environment: dict[str, str], tmp_path: Path) -> None:
    damaged = tmp_path / "ferryman"
    content = single_file.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    damaged.chmod(0o755)
    variables = environment | {"FERRYMAN_UNPACK_DIR": str(tmp_path / "cache")}
    done = subprocess.run([damaged, "--version"], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "it is damaged, the disk is full, or tar or gzip is missing" in done.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_directory_of_another_user_is_not_run(single_file: Path, environment: dict[str, str], tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's directory")
    variables = environment | {"FERRYMAN_UNPACK_DIR": str(tmp_path)}
    subprocess.run([single_file, "--version"], env=variables, check=True, capture_output=True)
    (unpacked,) = tmp_path.iterdir()
    os.chown(unpacked, 12345, 12345)
    done = subprocess.run([single_file, "--version"], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{unpacked} belongs to another user" in done.stderr


def test_it_names_the_glibc_it_needs(single_file: Path) -> None:
    head = single_file.read_bytes()[:300].decode(errors="replace")
    assert "needs glibc 2." in head
