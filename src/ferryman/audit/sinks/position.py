"""The position of a sink of the audit trail, stored beside the trail so that a restart continues from there."""

from pathlib import Path

import msgspec

from ferryman.core.audit.chain import ChainLink
from ferryman.model.identifiers import Millis
from ferryman.system.private_files import replace_private


class SinkPosition(msgspec.Struct, frozen=True):
    """The last record that was delivered, 0 for none, and when; `failure` is why the next one is not, None if it is."""

    sequence: int = 0
    mac: str = ""
    delivered_at: int = 0
    failure: str | None = None

    @property
    def link(self) -> ChainLink:
        """The record's link."""
        return ChainLink(self.sequence, self.mac)

    def reached(self, link: ChainLink, now: Millis) -> "SinkPosition":
        """Return the position after a delivery."""
        return SinkPosition(link.sequence, link.mac, now)


def position_path(directory: Path, sink: str) -> Path:
    """Return where the sink called `sink` keeps its position; `directory` is the trail's."""
    return directory / f"sink-{sink}.json"


def read_position(path: Path) -> SinkPosition:
    """Return what was stored; the beginning if nothing readable was. Raises OSError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SinkPosition)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return SinkPosition()


def store_position(path: Path, position: SinkPosition) -> None:
    """Store a position in one step; raises OSError. If a crash undoes it, records are delivered again."""
    replace_private(path, msgspec.json.encode(position), durable=False)
