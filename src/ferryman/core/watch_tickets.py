"""The tokens of WatchSession: short, for one use, held by the server that issued them.

A server that gets one asks for its grant over the bus. The holder hands it out once, so that a token is admitted only
once; if the holder dies, its tokens are void.
"""

import secrets
from collections import Counter
from dataclasses import dataclass

from ferryman.core.messages import WatchGrant, encode, watch_ticket_subject
from ferryman.core.ports.bus import Bus, NoResponders, Subscription
from ferryman.core.ports.runtime import Clock, Entropy
from ferryman.model.identifiers import Millis
from ferryman.model.values.secret import Secret

LIFETIME_SECONDS = 60
MOST_OF_ONE = 10
"""Unused tokens of one person; a new one voids the oldest."""
MOST_GUESSES = 3
_ID_BYTES, _SECRET_BYTES = 8, 16
_WAIT = 2.0
_REFUSED = b"refused"


@dataclass(slots=True)
class _Held:
    grant: WatchGrant
    person_id: str
    secret: str
    expires_at: Millis
    subscription: Subscription | None = None
    guesses: int = 0


class WatchTickets:
    """The tokens that this server has issued, and the grants that they stand for."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    async def issue(self, bus: Bus, clock: Clock, entropy: Entropy, person_id: str, grant: WatchGrant) -> Secret:
        """Return a token of at most 60 characters for a grant."""
        await self._make_room(clock(), person_id)
        ticket_id, secret = entropy(_ID_BYTES).hex(), entropy(_SECRET_BYTES).hex()
        held = _Held(grant, person_id, secret, Millis(clock() + LIFETIME_SECONDS * 1000))
        self._held[ticket_id] = held

        async def give_out(payload: bytes) -> bytes:
            held.guesses += 1
            valid = clock() < held.expires_at and held.guesses <= MOST_GUESSES
            if not valid or not secrets.compare_digest(payload, secret.encode()):
                return _REFUSED
            held.guesses = MOST_GUESSES
            await self._void(ticket_id)
            return encode(grant)

        held.subscription = await bus.subscribe(watch_ticket_subject(ticket_id), give_out)
        return Secret(f"{ticket_id}.{secret}")

    async def _make_room(self, now: Millis, person_id: str) -> None:
        expired = [ticket_id for ticket_id, held in self._held.items() if held.expires_at <= now]
        for ticket_id in expired:
            await self._void(ticket_id)
        if Counter(held.person_id for held in self._held.values())[person_id] >= MOST_OF_ONE:
            await self._void(next(each for each, held in self._held.items() if held.person_id == person_id))

    async def _void(self, ticket_id: str) -> None:
        held = self._held.pop(ticket_id, None)
        if held is not None and held.subscription is not None:
            await held.subscription.close()


async def redeem(bus: Bus, token: str) -> bytes | None:
    """Return the grant that a token stands for, encoded; None if it was used, has expired, or never was one."""
    ticket_id, _, secret = token.partition(".")
    if not (len(ticket_id) == 2 * _ID_BYTES and len(secret) == 2 * _SECRET_BYTES and token.isascii()):
        return None
    try:
        reply = await bus.request(watch_ticket_subject(ticket_id), secret.encode(), timeout=_WAIT)
    except (NoResponders, TimeoutError):
        return None
    return None if reply == _REFUSED else reply
