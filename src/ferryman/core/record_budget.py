"""How many records one party may cause: beyond that they are counted, and one summary a minute goes into the trail.

Whoever can make the server write records without being allowed to do anything could otherwise roll the trail over.
Successful calls that change something are never summed up.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ferryman.core.ratelimits.token_bucket import RecentBuckets
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller

SUMMARY_SECONDS = 60
MOST_SUMMARIES = 200
"""Parties with a summary of their own per interval."""
MOST_KINDS = 30
MOST_NAMED = 10
"""Of the callers, keys and addresses in one summary."""
ELSEWHERE = "elsewhere"
"""The summary of all parties beyond MOST_SUMMARIES, and the kind of all beyond MOST_KINDS."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` records at once, `per_second` sustained; `key` says whose they are."""

    key: str
    burst: float
    per_second: float


def refused_calls(caller: Caller) -> tuple[Allowance, ...]:
    """Return what a caller's refused calls count against: itself, its user, role or node, and all callers together.

    A role's sessions, whose names are the caller's to choose, share their role's allowance.
    """
    return (
        Allowance(f"refused:{caller.owner_id}", 100, 0.1),
        Allowance(f"refused-of:{principal(caller)}", 300, 0.3),
        Allowance("refused", 1000, 2),
    )


def successful_reads(caller: Caller) -> tuple[Allowance, ...]:
    """Return what successful calls count against that change nothing: enough for any program that polls."""
    return (Allowance(f"read:{principal(caller)}", 3000, 10),)


def unverified() -> tuple[Allowance, ...]:
    """Return what records of nobody known count against, all together."""
    return (Allowance("unverified", 100, 1),)


def channel_changes(session_id: str, end: str) -> tuple[Allowance, ...]:
    """Return what the openings and closings of one end of a session count against."""
    return (Allowance(f"channel:{session_id}:{end}", 100, 0.1),)


def refused_ends(node_id: str) -> tuple[Allowance, ...]:
    """Return what a node's attempts to open sessions that are not its own count against, whatever ids it names."""
    return (Allowance(f"refused-ends:{node_id}", 100, 0.1),)


def node_changes(node_id: str) -> tuple[Allowance, ...]:
    """Return what a node's comings and goings count against."""
    return (Allowance(f"node:{node_id}", 60, 0.05),)


def principal(caller: Caller) -> str:
    """Return the id of the user, role or node behind a caller, which a caller cannot choose."""
    return caller.user_id if caller.session is None else caller.session.identity_id


@dataclass(frozen=True, slots=True)
class Cause:
    """What a record is about, for a summary: `kind` is counted, the first few of the others are named."""

    party: str
    kind: str
    name: str = ""
    access_key_id: str = ""
    address: str = ""


@dataclass(slots=True)
class Repeated:
    """Records of one party that were left out between `since` and `until`, counted by kind."""

    party: str
    since: Millis
    until: Millis
    kinds: Counter[str] = field(default_factory=Counter)
    names: dict[str, None] = field(default_factory=dict)
    access_key_ids: dict[str, None] = field(default_factory=dict)
    addresses: dict[str, None] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many were left out."""
        return self.kinds.total()

    def add(self, cause: Cause, now: Millis) -> None:
        """Count one."""
        self.until = now
        known = cause.kind in self.kinds or len(self.kinds) < MOST_KINDS
        self.kinds[cause.kind if known else ELSEWHERE] += 1
        named = (
            (self.names, cause.name),
            (self.access_key_ids, cause.access_key_id),
            (self.addresses, cause.address),
        )
        for found, value in named:
            if value and len(found) < MOST_NAMED:
                found[value] = None


class RecordBudget:
    """Counts records. Not a port: one server's memory, which a restart forgets."""

    def __init__(self) -> None:
        self._buckets = RecentBuckets[str]()
        self._repeated: dict[str, Repeated] = {}

    def allows(self, allowances: Sequence[Allowance], cause: Cause, now: Millis) -> bool:
        """Return whether a record is written by itself; otherwise it is counted for the next summary."""
        if all(self.acquire(each, now) for each in allowances):  # the first that is used up spares the others
            return True
        self._summary(cause.party, now).add(cause, now)
        return False

    def acquire(self, allowance: Allowance, now: Millis) -> bool:
        """Take one from an allowance; False if it is used up."""
        return self._buckets.acquire(allowance.key, allowance.burst, allowance.per_second, now)

    def summaries(self, now: Millis, *, at_once: bool = False) -> list[Repeated]:
        """Return the summaries that are due, and forget them: those begun SUMMARY_SECONDS ago, or all `at_once`."""
        due = [each for each in self._repeated.values() if at_once or now - each.since >= SUMMARY_SECONDS * 1000]
        for each in due:
            del self._repeated[each.party]
        return due

    def _summary(self, party: str, now: Millis) -> Repeated:
        if party not in self._repeated and len(self._repeated) >= MOST_SUMMARIES:
            party = ELSEWHERE
        return self._repeated.setdefault(party, Repeated(party, now, now))
