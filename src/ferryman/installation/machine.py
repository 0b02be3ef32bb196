"""Checks of the machine for an installation: systemd, and a program that the service's account can run."""

import os
import shutil
import sys
from pathlib import Path

BOOTED = Path("/run/systemd/system")
_HOMES = (Path("/home"), Path("/root"), Path("/run/user"))


def has_systemd(root: Path) -> bool:
    """Return whether systemd runs here, or, below another root, is installed there."""
    if root == Path("/"):
        return BOOTED.is_dir()
    return any((root / place / "systemd/systemd").exists() for place in ("usr/lib", "lib"))


def this_program() -> Path:
    """Return the absolute path of the `ferryman` that runs now."""
    if getattr(sys, "frozen", False):  # a single file, which `system.program` has put there
        return Path(sys.argv[0]).absolute()
    started = shutil.which(sys.argv[0]) or ""
    if Path(started).name == "ferryman":
        return Path(started).absolute()
    return Path(sys.executable).absolute().parent / "ferryman"


def hidden_part(program: Path, *, homes_hidden: bool) -> Path | None:
    """Return the path that keeps another account from running a program; None if it can run it.

    It is a directory that others may not enter, or, if the unit hides them, one below which people have their homes.
    A program of a virtual environment also needs the interpreter that the environment was made with, and the packages
    in it, which root's umask may have closed.
    """
    interpreter = program.parent / "python"
    needed = [program.resolve(), *([interpreter.resolve()] if interpreter.exists() else [])]
    if program == this_program() and not getattr(sys, "frozen", False):
        needed.append(Path(__file__).resolve())
    for path in needed:
        if homes_hidden:
            home = next((each for each in _HOMES if path.is_relative_to(each)), None)
            if home is not None:
                return home
        for part in reversed([path, *path.parents]):
            if part.exists() and not part.stat().st_mode & (0o004 if part.suffix == ".py" else 0o001):
                return part
    return None


def is_root() -> bool:
    """Return whether this process may do everything below a root."""
    return os.geteuid() == 0
