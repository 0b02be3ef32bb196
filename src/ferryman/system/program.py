"""How this program starts itself again: the agent and its zygote, the sandbox for documents and the reader of
recordings' lines are parts of it.

Ferryman runs as an installed package, from an archive that Python executes (zipapp, shiv, pex), or frozen into a
program of its own. Only this module knows which of them it is. The program's own entry point starts a part if the
first argument is `PART`; the second is the part's name.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Literal

PART = "internal-part"
"""The hidden command. It does nothing that running the parts' modules would not do."""

Part = Literal["agent", "zygote", "document-sandbox", "line-reader", "session-manager-plugin"]
_MODULES = {
    "agent": "ferryman.cli.operate.agent_process",
    "zygote": "ferryman.agent.workers.zygote",
    "document-sandbox": "ferryman.sandbox.child",
    "line-reader": "ferryman.recording.search.child",
    "session-manager-plugin": "ferryman.cli.session_manager_plugin",
}
_STARTED_BY_SCRIPT_AS = "FERRYMAN_PROGRAM"
_ENTRY = "ferryman.cli.main"

_STARTED_AS = Path(sys.argv[0]).absolute() if sys.argv and sys.argv[0] else None
"""Absolute, for parts run in another directory."""


def settle_in() -> None:
    """Undo what starting a frozen program has changed, for the programs that this one starts.

    PyInstaller sets LD_LIBRARY_PATH to its own libraries. The script around a single file says what it was called.
    """
    if not getattr(sys, "frozen", False):
        return
    started_as = os.environ.pop(_STARTED_BY_SCRIPT_AS, None)
    if started_as is not None:
        sys.argv[0] = started_as
    libraries = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if libraries is not None:
        os.environ["LD_LIBRARY_PATH"] = libraries
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]


def part_command(part: Part, *arguments: str, isolated: bool = False) -> list[str]:
    """Return the command that starts a part in a process of its own.

    `isolated`: neither the environment nor the working directory decides what is imported.
    """
    inherited = [PART, part, *arguments]
    if getattr(sys, "frozen", False):
        return [sys.executable, *inherited]
    # -E and -P: Python reads no variables, and does not import from the working directory.
    flags = ["-E", "-P"] if isolated else ["-P"]
    if sys.flags.no_site:
        flags.append("-S")
    archive = _archive()
    program = ["-m", _ENTRY] if archive is None else [str(archive)]
    return [sys.executable, *flags, *program, *inherited]


def run_part(arguments: list[str]) -> None:
    """Run the part that is named by the first argument, with the others, in this process; then exit."""
    sys.exit(import_module(_MODULES[arguments[0]]).main(arguments[1:]))


def _archive() -> Path | None:
    """Return the archive that Python is executing, None if there is none."""
    import zipfile  # the agent, which needs it only to replace its zygote, is spared half a megabyte

    if _STARTED_AS is not None and zipfile.is_zipfile(_STARTED_AS):
        return _STARTED_AS
    return None
