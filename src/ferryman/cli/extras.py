"""The extra of the package that a command belongs to, and the error where it is not installed."""

from importlib.util import find_spec

from ferryman.cli.program.catalogue import ENTRIES
from ferryman.model.failures import Failure

_OF_ADAPTERS = {"psycopg": "postgresql", "nats": "nats"}


def has_all_commands() -> bool:
    """Tell whether more than the agent's commands can run: not from the agent's wheel, nor without Typer."""
    return find_spec("typer") is not None and find_spec("ferryman.cli.app") is not None


def extra_of(command: str) -> str:
    """Return the extra that brings a command of `ferryman`."""
    if command == "agent":
        return "agent"
    entry = ENTRIES.get(command)
    return "server" if entry is not None and entry.panel == "Server" else "client"


def not_installed(extra: str, missing: str) -> Failure:
    """Return the error of a program whose packages are not installed; `missing` is the first that was looked for."""
    extra = _OF_ADAPTERS.get(missing, extra)
    return Failure(
        "This command is not installed",
        f"{missing} is missing",
        f"Install ferryman[{extra}] from your checkout or release file",
    )
