"""The wheel and the sdist: what is in them, that they are reproducible, and that the wheel installs and runs."""

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from ferryman.model.values.versions import PRODUCT_VERSION
from tests.agent_installation import build_wheel, closure, installed_bytes, link_packages, unpacked

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
URL = "https://forge.example/ferryman"


def build(directory: Path, environment: dict[str, str] | None = None) -> tuple[Path, Path]:
    """Build both without a network; returns the wheel and the sdist."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(directory)],
        cwd=ROOT,
        env=os.environ | {"FERRYMAN_PROJECT_URL": URL, "SOURCE_DATE_EPOCH": "1700000000"} | (environment or {}),
        check=True,
        capture_output=True,
    )
    (wheel,) = directory.glob("*.whl")
    (sdist,) = directory.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return build(tmp_path_factory.mktemp("dist"))


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"ferryman-{PRODUCT_VERSION}.dist-info/METADATA"))


def test_every_file_of_the_package_is_in_the_wheel(distributions: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(distributions[0]) as archive:
        inside = {name for name in archive.namelist() if name.startswith("ferryman/")}
    files = (path for path in (SOURCE / "ferryman").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert inside == {str(path.relative_to(SOURCE)) for path in files}


def test_the_sdist_holds_the_sources_and_no_build_products(distributions: tuple[Path, Path]) -> None:
    with tarfile.open(distributions[1]) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "hatch_build.py", "LICENSE", "README.md", "src/ferryman/__init__.py"} <= inside
    assert [name for name in inside if name.startswith((".venv", ".ci", "dist", "benchmarks/results"))] == []


def test_a_second_build_is_the_same_byte_for_byte(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    again = build(tmp_path, {"TZ": "Asia/Tokyo", "LC_ALL": "C"})
    assert [digest(path) for path in again] == [digest(path) for path in distributions]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_metadata_names_authors_licence_pythons_and_addresses(distributions: tuple[Path, Path]) -> None:
    found = metadata(distributions[0])
    assert found["Author"]
    assert found["License-Expression"] == "Apache-2.0"
    assert "Programming Language :: Python :: 3.14" in found.get_all("Classifier", [])
    assert f"Source, {URL}" in found.get_all("Project-URL", [])
    assert found["Description-Content-Type"] == "text/markdown"


def test_no_extra_looks_ferryman_up_on_an_index(distributions: tuple[Path, Path]) -> None:
    """The name there is anybody's."""
    assert not [line for line in metadata(distributions[0]).get_all("Requires-Dist", []) if line.startswith("ferryman")]


def test_the_wheel_installs_and_runs_without_a_network(distributions: tuple[Path, Path], tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path)], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(tmp_path / "bin/python")]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", str(distributions[0])], check=True)
    (packages,) = tmp_path.glob("lib/python3*/site-packages")
    # What it depends on is that of this environment. A .pth file's directory brings no .pth files of its own, so the
    # checkout is not among them.
    (packages / "dependencies.pth").write_text(next(path for path in sys.path if path.endswith("site-packages")))

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd="/", env={}, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = run(str(tmp_path / "bin/python"), "-c", "import ferryman; print(ferryman.__file__)")
    assert where.startswith(str(packages))
    assert PRODUCT_VERSION in run(str(tmp_path / "bin/ferryman"), "--version")
    assert "--config" in run(str(tmp_path / "bin/ferryman"), "server", "--help")
    assert run(str(tmp_path / "bin/session-manager-plugin"), "--version").count(".") == 3


@pytest.fixture(scope="module")
def agent_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("agent")
    return unpacked(build_wheel(directory), directory / "unpacked")


IMPORT_EVERYTHING = """
import sys
from importlib import import_module
from pathlib import Path
wheel = Path(sys.argv.pop(1))
for path in sorted(wheel.glob("ferryman/**/*.py")):
    import_module(".".join(path.relative_to(wheel).with_suffix("").parts).removesuffix(".__init__"))
from ferryman.cli.main import main
main()
"""


def test_the_agents_wheel_has_what_agents_import_and_nothing_else(agent_wheel: Path, tmp_path: Path) -> None:
    """With only its own packages there, every module can be imported. So none belongs to another program."""
    packages = link_packages(closure("ferryman", "agent").values(), agent_wheel, tmp_path / "packages")
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", IMPORT_EVERYTHING, agent_wheel, "agent", "run", "--state-dir", tmp_path],
        env={"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "run 'ferryman agent register'" in done.stderr, done.stderr
    rooms = {path.parts[-2] for path in agent_wheel.glob("ferryman/*/__init__.py")}
    assert not rooms & {"server", "console", "core", "store", "bootstrap", "recording", "awsapi", "policy"}


def test_the_agents_wheel_installs_its_service_where_other_programs_left_typer(agent_wheel: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ferryman.cli.main", "agent", "install", "--dry-run", "--program", "/bin/sh"],
        env={"PYTHONPATH": str(agent_wheel)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ferryman-agent.service" in done.stdout, done.stderr


def test_an_agent_installs_in_40_megabytes(agent_wheel: Path) -> None:
    needed = closure("ferryman", "agent")
    assert installed_bytes(agent_wheel, needed.values()) <= 40_000_000


def test_a_release_is_not_built_without_the_console(tmp_path: Path) -> None:
    """In a copy, because this checkout may have the files."""
    copy = tmp_path / "copy"
    (copy / "src/ferryman").mkdir(parents=True)
    (copy / "src/ferryman/__init__.py").write_text("")
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    release = os.environ | {"FERRYMAN_RELEASE": "1"}
    refused = subprocess.run(command, cwd=copy, env=release, check=False, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "Run `make console` first" in refused.stderr
    static = copy / "src/ferryman/console/static"
    static.mkdir(parents=True)
    (static / "index.html").write_text("<!doctype html>")
    (copy / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    subprocess.run(command, cwd=copy, env=release, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    assert "ferryman/console/static/index.html" in zipfile.ZipFile(wheel).namelist()
