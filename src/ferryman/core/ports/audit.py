"""The ports for the audit trail and for notifications."""

from dataclasses import dataclass
from typing import Any, Protocol

Entry = dict[str, Any]
"""A record of the audit trail: texts, integers, booleans, None, lists and maps of these."""


class Unrecorded(Exception):
    """The entry could not be written to the trail."""


class AuditTrail(Protocol):
    """The record of what happened, in order and permanent."""

    @property
    def failure(self) -> str | None:
        """Why the trail cannot be written at present; None if it can."""

    def note(self, entry: Entry) -> None:
        """Write an entry soon, without waiting."""

    async def keep(self, entry: Entry) -> None:
        """Write an entry and return when it is durable; raises `Unrecorded`."""


@dataclass(frozen=True, slots=True)
class TrailHead:
    """How far the trail is known to have got: the number of its first record, and the number and MAC of its last."""

    first: int
    sequence: int
    mac: str


class TrailHeads(Protocol):
    """Where the store remembers the trail's head, so that a trail that was lost or shortened is noticed."""

    async def head(self) -> TrailHead | None:
        """Return what was recorded last; None if nothing ever was."""

    async def record(self, head: TrailHead) -> None:
        """Remember a head instead of the one before."""


class Notices(Protocol):
    """Notifications of access requests. Best effort: an undeliverable one is dropped after some retries."""

    def put(self, entry: Entry) -> None:
        """Send soon; if too many are queued, the oldest are dropped."""
