"""Builds the wheel for agents from this checkout, and measures how much disk it takes with its dependencies."""

import py_compile
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from importlib.util import cache_from_source
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

BUILDER = Path(__file__).parents[1] / "packaging/agent_wheel.py"


def build_wheel(directory: Path) -> Path:
    """Build the wheel for agents into a directory."""
    done = subprocess.run([sys.executable, BUILDER, str(directory)], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def unpacked(wheel: Path, directory: Path) -> Path:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    return directory


def closure(name: str, extra: str = "") -> dict[str, Distribution]:
    """Return the installed distributions that one depends on, directly or not, by name; without itself."""
    found: dict[str, Distribution] = {}
    waiting = [(name, extra)]
    while waiting:
        current, chosen = waiting.pop()
        for text in distribution(current).requires or []:
            requirement = Requirement(text)
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": chosen}):
                continue
            name = canonicalize_name(requirement.name)
            if name not in found:
                found[name] = distribution(name)
                waiting.append((name, ""))
    return found


def files_of(installed: Distribution) -> Iterable[Path]:
    return {Path(str(installed.locate_file(file))) for file in installed.files or []}


def installed_bytes(wheel: Path, needed: Iterable[Distribution]) -> int:
    """Bytes of an unpacked wheel and the distributions that it needs, with their compiled modules."""
    return installed_size(wheel.rglob("*")) + sum(installed_size(files_of(each)) for each in needed)


def installed_size(paths: Iterable[Path]) -> int:
    """Return the bytes of the files, without those compiled here, plus those of the compiled modules."""
    files = [path for path in paths if path.is_file() and path.suffix != ".pyc"]
    return sum(path.stat().st_size + (compiled_size(path) if path.suffix == ".py" else 0) for path in files)


def compiled_size(module: Path) -> int:
    compiled = Path(cache_from_source(str(module)))
    if compiled.exists():
        return compiled.stat().st_size
    with tempfile.NamedTemporaryFile(suffix=".pyc") as target:
        py_compile.compile(str(module), target.name, doraise=True)
        return Path(target.name).stat().st_size


def link_packages(needed: Iterable[Distribution], wheel: Path, directory: Path) -> Path:
    """Make a directory with links to the distributions' files, and Ferryman from an unpacked wheel."""
    directory.mkdir()
    (directory / "ferryman").symlink_to(wheel / "ferryman")
    for each in needed:
        for file in each.files or []:
            top = Path(file.parts[0])
            if not str(top).startswith("..") and not (directory / top).is_symlink():
                (directory / top).symlink_to(Path(str(each.locate_file(top))))
    return directory
