"""How far a sink of the audit trail has got, in a file beside the trail, so that a restart goes on from there."""

import os
from pathlib import Path

import msgspec

from ferryman.core.audit.chain import Link
from ferryman.model.identifiers import Millis


class Position(msgspec.Struct, frozen=True):
    """The last record that was delivered, 0 for none, and when; `failure` is why the next one is not, None if it is."""

    sequence: int = 0
    mac: str = ""
    delivered_at: int = 0
    failure: str | None = None

    @property
    def link(self) -> Link:
        """The record's link."""
        return Link(self.sequence, self.mac)

    def reached(self, link: Link, now: Millis) -> "Position":
        """Return the position after a delivery."""
        return Position(link.sequence, link.mac, now)


def position_path(directory: Path, sink: str) -> Path:
    """Return where the sink called `sink` keeps its position; `directory` is the trail's."""
    return directory / f"sink-{sink}.json"


def read_position(path: Path) -> Position:
    """Return what was stored; the beginning if nothing readable was. Raises OSError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Position)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Position()


def store_position(path: Path, position: Position) -> None:
    """Store a position at one stroke; raises OSError. One that a crash undoes has records delivered once more."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)  # what a crash, or somebody else, left in its place is never written through
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(position))
    partial.replace(path)
