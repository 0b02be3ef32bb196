"""The ports for the audit trail and for notifications."""

from collections.abc import Callable, Mapping, Sequence
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

    @property
    def waiting(self) -> int:
        """How many entries wait to be written."""

    def note(self, entry: Entry) -> None:
        """Write an entry soon, without waiting."""

    async def keep(self, entry: Entry) -> None:
        """Write an entry and return when it is durable; raises `Unrecorded`."""


class NoTrail:
    """A trail that records nothing, for the operator's own commands, which serve no calls."""

    failure, waiting = None, 0

    def note(self, entry: Entry) -> None:
        """Do nothing."""

    async def keep(self, entry: Entry) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class TrailHead:
    """How far the trail is known to have got: the number of its first record, and the number and MAC of its last."""

    first: int
    sequence: int
    mac: str


class TrailHeads(Protocol):
    """Where the store remembers the head of each server's trail, so that a lost or shortened trail is noticed.

    `server` is the name of one of several servers, empty for a server alone.
    """

    async def head(self, server: str) -> TrailHead | None:
        """Return what the server recorded last; None if it never did."""

    async def record(self, server: str, head: TrailHead) -> None:
        """Remember a head instead of the server's last one."""

    async def servers(self) -> Sequence[str]:
        """Return the names of all servers with a head, in order, without one that was alone."""

    async def retire(self, server: str) -> bool:
        """Forget a server's head; False if there is none."""


@dataclass(frozen=True, slots=True)
class TrailSearch:
    """Which records to find. Times are in the form of records, "" for no bound; `until` is itself included.

    `words` are JSON texts without quotes, all of which a record's line must contain: a cheap test before `matches`.
    """

    since: str
    until: str
    words: Sequence[str]
    matches: Callable[[Mapping[str, Any]], bool]


TrailPosition = tuple[int, int]
"""A place between two records: the first record of a file, and the bytes of the file before the place."""


@dataclass(frozen=True, slots=True)
class FoundRecords:
    """Records, newest first, and the place to continue from; None if there are no older ones.

    A search that has read enough stops, so that there may be few records, or none, although there are more. `places`
    are those before each record, and `reached` is the time of the oldest record that was read.
    """

    records: Sequence[Mapping[str, Any]]
    behind: TrailPosition | None
    places: Sequence[TrailPosition] = ()
    reached: str = ""


@dataclass(frozen=True, slots=True)
class TrailCheck:
    """The result of verifying the newest records: `records` from number `first` to `last`, and when the last was made.

    `time` is in the form of records, "" for none. `problem` is the first place that is not what the server wrote.
    """

    records: int = 0
    first: int = 0
    last: int = 0
    time: str = ""
    problem: str | None = None


class RecordedEvents(Protocol):
    """Reads the audit trail."""

    async def check_newest(self) -> TrailCheck:
        """Verify the chain of the newest records, a bounded amount."""

    async def find(self, search: TrailSearch, behind: TrailPosition | None, most: int) -> FoundRecords:
        """Return at most `most` records behind a place, from the newest on if it is None. Reads a bounded amount."""


class NoRecordedEvents:
    """Has recorded nothing."""

    async def check_newest(self) -> TrailCheck:
        """Return that nothing was verified."""
        return TrailCheck()

    async def find(self, search: TrailSearch, behind: TrailPosition | None, most: int) -> FoundRecords:
        """Return nothing."""
        return FoundRecords((), None)


class Notices(Protocol):
    """Notifications of access requests. Best effort: an undeliverable one is dropped after some retries."""

    def put(self, entry: Entry) -> None:
        """Send soon; if too many are queued, the oldest are dropped."""


class NoNotices:
    """Notifies no one."""

    def put(self, entry: Entry) -> None:
        """Do nothing."""
