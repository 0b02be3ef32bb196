"""Failed authentication: invalid keys, signatures, codes and tokens, counted by the address they came from.

Secrets here are too long to guess; this limits what guessing costs: lookups, signatures, records. No one can lock out
anyone else: failures count against their address, by itself and together with the claimed key, never against a key
alone. An address with too many failures is refused unchecked, except for claims that recently succeeded from there. A
claim with too many failures from one address is still checked, and only its further failures are refused as too many.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from ferryman.core.ratelimits.token_bucket import REMEMBERED, TokenBuckets
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis

ADDRESS_BURST, ADDRESS_PER_SECOND = 60.0, 1.0
"""Failures of one address, whatever they claimed."""
CLAIM_BURST, CLAIM_PER_SECOND = 10.0, 0.1
"""Failures of one address with one key, activation or session."""
CLAIMS_OF_ONE_HOLDER = 8
"""Claims that are remembered to have succeeded, of one person or node; one can have any number of keys."""
SUMMARY_SECONDS = 60
MOST_SUMMARIES = 1000
MOST_CLAIMS_NAMED = 10
ELSEWHERE = "elsewhere"
"""The summary of all addresses for whose own summary there is no room."""


class TooManyFailedAttempts(ServiceError):
    """The attempt is counted for a summary, not recorded by itself."""

    def __init__(self) -> None:
        super().__init__("ThrottlingException", "Too many failed attempts came from this address; wait a minute.")


@dataclass(slots=True)
class Summary:
    """The failures from one address in a span of time; `refused` were too many. `claims` are the first few."""

    address: str
    since: Millis
    until: Millis
    failed: int = 0
    refused: int = 0
    claims: dict[str, None] = field(default_factory=dict)


class FailedAttempts:
    """Counts failures. An address is any text that identifies an origin, "" for one that is not counted by itself."""

    def __init__(self) -> None:
        self._addresses = TokenBuckets[str](ADDRESS_BURST, ADDRESS_PER_SECOND)
        self._claims = TokenBuckets[tuple[str, str]](CLAIM_BURST, CLAIM_PER_SECOND)
        self._right: dict[tuple[str, str], str] = {}
        """The holder of each claim that succeeded, by peer and claim."""
        self._held: OrderedDict[str, OrderedDict[tuple[str, str], None]] = OrderedDict()
        """What each holder has in `_right`, and the holders; those used longest ago first."""
        self._summaries: dict[str, Summary] = {}

    def check(self, address: str, peer: str, claim: str, now: Millis) -> None:
        """Raise `TooManyFailedAttempts` if the attempt must not be checked, because too many from its address failed.

        `address` is what `peer` is counted by; `claim` is the key, activation or session it claims, "" for none.
        """
        if not address or (peer, claim) in self._right:
            return
        if self._addresses.is_empty(address, now):
            self._refuse(address, claim, now)

    def failed(self, address: str, peer: str, claim: str, now: Millis) -> None:
        """Count a failure; raises `TooManyFailedAttempts` if it is one too many to answer and record as what it was."""
        allowed = not address or self._addresses.acquire(address, now)
        if claim:
            allowed &= self._claims.acquire((peer, claim), now)
        if not allowed:
            self._refuse(address or peer, claim, now)
        self._summary(address or peer, claim, now).failed += 1

    def succeeded(self, peer: str, claim: str, holder: str) -> None:
        """Remember that `claim` succeeded from there: from now on it is checked, however many others fail.

        `holder` is who it belongs to: their claims displace only claims of their own.
        """
        pair = (peer, claim)
        self._forget(pair)
        held = self._held.setdefault(holder, OrderedDict())
        self._held.move_to_end(holder)
        held[pair] = None
        self._right[pair] = holder
        if len(held) > CLAIMS_OF_ONE_HOLDER:
            self._forget(next(iter(held)))
        if len(self._held) > REMEMBERED:
            for each in list(next(iter(self._held.values()))):
                self._forget(each)

    def _forget(self, pair: tuple[str, str]) -> None:
        holder = self._right.pop(pair, None)
        if holder is not None:
            del self._held[holder][pair]
            if not self._held[holder]:
                del self._held[holder]

    def _refuse(self, address: str, claim: str, now: Millis) -> None:
        self._summary(address, claim, now).refused += 1
        raise TooManyFailedAttempts

    def summaries(self, now: Millis, *, at_once: bool = False) -> list[Summary]:
        """Return and clear the summaries that are due: spans of SUMMARY_SECONDS in which attempts were refused."""
        over = [each for each in self._summaries.values() if at_once or now - each.since >= SUMMARY_SECONDS * 1000]
        for each in over:
            del self._summaries[each.address]
        return [each for each in over if each.refused]

    def _summary(self, address: str, claim: str, now: Millis) -> Summary:
        if address not in self._summaries and len(self._summaries) >= MOST_SUMMARIES:
            address = ELSEWHERE
        found = self._summaries.get(address)
        if found is None:
            found = self._summaries[address] = Summary(address, now, now)
        found.until = now
        if claim and len(found.claims) < MOST_CLAIMS_NAMED:
            found.claims[claim] = None
        return found
