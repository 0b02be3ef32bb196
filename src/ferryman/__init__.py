"""Ferryman: a self-hosted Session Manager that speaks the protocols of AWS Systems Manager.

The public Python API is `connect`, `connect_all`, `open_recordings` and what they give
(`docs/reference/python-api.md`). It is imported by its first use: programs that only look at the package do not wait
for it.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferryman.client.api import (
        CommandFailed,
        CommandResult,
        Failure,
        Forward,
        FoundLine,
        Node,
        RecordedEvent,
        Recording,
        Recordings,
        RemotePath,
        RunningCommand,
        Stream,
        connect,
        connect_all,
        open_recordings,
    )

__all__ = [
    "CommandFailed",
    "CommandResult",
    "Failure",
    "Forward",
    "FoundLine",
    "Node",
    "RecordedEvent",
    "Recording",
    "Recordings",
    "RemotePath",
    "RunningCommand",
    "Stream",
    "connect",
    "connect_all",
    "open_recordings",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        if find_spec("botocore") is None:
            missing = f"ferryman.{name} needs the client: install ferryman[client] from your checkout or release file"
            raise ModuleNotFoundError(missing, name="botocore")
        return getattr(import_module("ferryman.client.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
