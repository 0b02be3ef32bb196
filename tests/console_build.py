"""The output of `make console`, for tests that need it; they are skipped where it has not been run."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STATIC = ROOT / "src" / "ferryman" / "console" / "static"


def console_files() -> Path:
    """Return the folder of the console's built files."""
    return _needed(STATIC / "index.html", "the console is not built: run make console").parent


def engine_program() -> Path:
    """Return the data-channel engine as a program of Node.js."""
    return _needed(ROOT / "build" / "console" / "engineProgram.mjs", "the engine is not built: run make console")


def node_program() -> str:
    """Return the path of Node.js: the one `make console` used."""
    for candidate in (shutil.which("node"), ROOT / "build" / "console" / "node"):
        if candidate is not None and Path(candidate).exists():
            return str(candidate)
    return _missing("Node.js is not here: run make console")


def _needed(path: Path, otherwise: str) -> Path:
    if not path.exists():
        _missing(otherwise)
    return path


def _missing(reason: str) -> str:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
