"""Limits on the audit records that one party may cause; more are counted, and summarized once a minute.

Anyone who can cause records without any permission could otherwise make old ones rotate out of the trail. Successful
calls that change something are never summarized.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ferryman.core.ratelimits.token_bucket import RecentBuckets
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller

SUMMARY_SECONDS = 60
MOST_SUMMARIES = 200
"""Parties with their own summary per interval."""
MOST_KINDS = 30
MOST_NAMED = 10
"""Callers, keys and addresses named in one summary."""
ELSEWHERE = "elsewhere"
"""The summary of all parties beyond MOST_SUMMARIES, and the kind of all beyond MOST_KINDS."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """`burst` records at once, `per_second` sustained; `key` identifies whose they are."""

    key: str
    burst: float
    per_second: float


def refused_calls(caller: Caller) -> tuple[Allowance, ...]:
    """Return the allowances of a caller's refused calls.

    They are its own, that of its user, role or node, and that of all callers. A role's sessions, whose names the caller
    chooses, share their role's allowance.
    """
    return (
        Allowance(f"refused:{caller.owner_id}", 100, 0.1),
        Allowance(f"refused-of:{principal(caller)}", 300, 0.3),
        Allowance("refused", 1000, 2),
    )


def successful_reads(caller: Caller) -> tuple[Allowance, ...]:
    """Return the allowance of successful calls that change nothing: enough for any program that polls."""
    return (Allowance(f"read:{principal(caller)}", 3000, 10),)


def presigned_calls(caller: Caller) -> tuple[Allowance, ...]:
    """Return the allowance of calls that a caller presigned, which whoever reads the URL can repeat."""
    return (Allowance(f"presigned:{principal(caller)}", 300, 1), Allowance("presigned", 1000, 2))


def unverified() -> tuple[Allowance, ...]:
    """Return the allowance that all unauthenticated parties share."""
    return (Allowance("unverified", 100, 1),)


def channel_changes(session_id: str, end: str) -> tuple[Allowance, ...]:
    """Return the allowance of the openings and closings of one end of a session."""
    return (Allowance(f"channel:{session_id}:{end}", 100, 0.1),)


def refused_ends(node_id: str) -> tuple[Allowance, ...]:
    """Return the allowance of a node's attempts to open other nodes' sessions, whatever ids it names."""
    return (Allowance(f"refused-ends:{node_id}", 100, 0.1),)


def node_changes(node_id: str) -> tuple[Allowance, ...]:
    """Return the allowance of a node's connects and disconnects."""
    return (Allowance(f"node:{node_id}", 60, 0.05),)


def principal(caller: Caller) -> str:
    """Return the id of the user, role or node behind a caller, which a caller cannot choose."""
    return caller.user_id if caller.session is None else caller.session.identity_id


@dataclass(frozen=True, slots=True)
class Cause:
    """The subject of a record, for a summary: `kind` is counted, the first few of the others are named."""

    party: str
    kind: str
    name: str = ""
    access_key_id: str = ""
    address: str = ""


@dataclass(slots=True)
class Repeated:
    """Records of one party that were not written between `since` and `until`, counted by kind."""

    party: str
    since: Millis
    until: Millis
    kinds: Counter[str] = field(default_factory=Counter)
    names: dict[str, None] = field(default_factory=dict)
    access_key_ids: dict[str, None] = field(default_factory=dict)
    addresses: dict[str, None] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many were not written."""
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
    """Counts records in the memory of one server, which a restart clears."""

    def __init__(self) -> None:
        self._buckets = RecentBuckets[str]()
        self._repeated: dict[str, Repeated] = {}

    def allows(self, allowances: Sequence[Allowance], cause: Cause, now: Millis) -> bool:
        """Return whether to write a record; otherwise it is counted for the next summary."""
        if all(self.acquire(each, now) for each in allowances):  # the first that is used up leaves the others untouched
            return True
        self._summary(cause.party, now).add(cause, now)
        return False

    def acquire(self, allowance: Allowance, now: Millis) -> bool:
        """Use one record of an allowance; False if it is used up."""
        return self._buckets.acquire(allowance.key, allowance.burst, allowance.per_second, now)

    def summaries(self, now: Millis, *, at_once: bool = False) -> list[Repeated]:
        """Return and clear the summaries that are due: those begun SUMMARY_SECONDS ago, or all with `at_once`."""
        due = [each for each in self._repeated.values() if at_once or now - each.since >= SUMMARY_SECONDS * 1000]
        for each in due:
            del self._repeated[each.party]
        return due

    def _summary(self, party: str, now: Millis) -> Repeated:
        if party not in self._repeated and len(self._repeated) >= MOST_SUMMARIES:
            party = ELSEWHERE
        return self._repeated.setdefault(party, Repeated(party, now, now))
