"""Which connections are open, whose they are, and which of them is closed when there is no room for another.

A connection is a stranger's until its peer has shown who it is, then a caller's, and a channel once it is a node's
control channel or one end of a session. Channels are never closed to make room. Of the others those may be that wait
for their peer: for the rest of a handshake, a head, a body or an opening frame, or for the next request. The first to
go is the idlest one of whoever has most of them, so that somebody who fills the server closes their own.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Protocol, TypeAlias

from ferryman.server.listener.unauthenticated import Newcomers, Origin

CHANNELS_SHARE = 4
"""One connection in so many is kept free for channels, by closing idle ones of the rest."""

Group: TypeAlias = tuple[str, Hashable]
_STRANGERS, _CALLER, _ADDRESS = "strangers", "caller", "address"


class Occupant(Protocol):
    """A connection, as far as this module is concerned."""

    def evict(self) -> None:
        """Drop the connection now; it is not counted any longer."""


class _Place:
    """Where a connection is counted."""

    __slots__ = ("channel", "groups", "idle", "origin")

    def __init__(self, groups: tuple[Group, ...], origin: Origin | None) -> None:
        self.groups = groups
        self.origin = origin
        self.idle = True
        self.channel = False


class ConnectionLimits:
    """Counts the connections of one server.

    At most `most` are open, `per_caller` of one caller and `per_address` of all callers but nodes from one address,
    channels not counted. `newcomers` bounds the strangers of one address.
    """

    def __init__(self, newcomers: Newcomers, most: int, per_caller: int, per_address: int) -> None:
        self.newcomers = newcomers
        self.most = most
        self._most_ordinary = most - most // CHANNELS_SHARE
        self._limits = {_CALLER: per_caller, _ADDRESS: per_address}
        self._places: dict[Occupant, _Place] = {}
        self._channels = 0
        self._counts: Counter[Group] = Counter()
        self._idle: dict[Group, dict[Occupant, None]] = {}
        self._ranks: dict[int, dict[Group, None]] = {}
        """The strangers' and callers' groups by how many idle connections they have."""
        self._largest = 0

    def enter(self, occupant: Occupant, origin: Origin | None) -> bool:
        """Count a new connection, which `newcomers` has let in; return whether another one had to go."""
        place = self._places[occupant] = _Place(((_STRANGERS, origin),), origin)
        self._join(occupant, place)
        crowded = len(self._places) - self._channels > self._most_ordinary
        return crowded and self.evict_idlest(unless=occupant)

    def identify(self, occupant: Occupant, caller: str, *, node: bool) -> bool:
        """Count a connection as `caller`'s from now on; False if that is one too many and none of theirs is idle."""
        place = self._places.get(occupant)
        if place is None or place.channel:
            return True
        address = () if node or place.origin is None else ((_ADDRESS, place.origin),)
        groups: tuple[Group, ...] = ((_CALLER, caller), *address)
        if place.groups == groups:
            return True
        self._part(occupant, place, known=True)
        place.groups = groups
        self._join(occupant, place)
        return all(self._fits(occupant, group) for group in groups)

    def working(self, occupant: Occupant) -> None:
        """A whole request is here and is being answered: not idle."""
        place = self._places.get(occupant)
        if place is not None and place.idle:
            self._set_idle(occupant, place, idle=False)

    def waiting(self, occupant: Occupant) -> None:
        """It waits for its peer: idle from now on, if it was not."""
        place = self._places.get(occupant)
        if place is not None and not place.idle:
            self._set_idle(occupant, place, idle=True)

    def joined(self, occupant: Occupant) -> None:
        """It is a channel."""
        place = self._places.get(occupant)
        if place is not None and not place.channel:
            self._part(occupant, place, known=True)
            place.channel = True
            self._channels += 1

    def parting(self, occupant: Occupant) -> None:
        """It was a channel, and only its closing handshake is left."""
        place = self._places.get(occupant)
        if place is None or not place.channel:
            return
        place.channel, place.idle = False, True
        self._channels -= 1
        self._join(occupant, place)
        for group in place.groups:
            self._fits(occupant, group)

    def leave(self, occupant: Occupant) -> None:
        """Forget a connection; idempotent."""
        place = self._places.pop(occupant, None)
        if place is None:
            return
        if place.channel:
            self._channels -= 1
        else:
            self._part(occupant, place)

    def is_stranger(self, occupant: Occupant) -> bool:
        """Whether the peer has not shown who it is yet."""
        place = self._places.get(occupant)
        return place is not None and place.groups[0][0] == _STRANGERS

    def evict_idlest(self, unless: Occupant | None = None) -> bool:
        """Close the idlest connection of whoever has most idle ones; False if there is none but `unless`."""
        for group in self._ranks.get(self._largest, ()):
            for occupant in self._idle[group]:
                if occupant is not unless:
                    self._evict(occupant)
                    return True
        return False

    def _evict(self, occupant: Occupant) -> None:
        self.leave(occupant)
        occupant.evict()

    def _fits(self, occupant: Occupant, group: Group) -> bool:
        limit = self._limits.get(group[0])
        if limit is None or self._counts[group] <= limit:
            return True
        for idlest in self._idle.get(group, ()):
            if idlest is not occupant:
                self._evict(idlest)
                return True
        return False

    def _join(self, occupant: Occupant, place: _Place) -> None:
        for group in place.groups:
            self._counts[group] += 1
        if place.idle:
            self._set_idle(occupant, place, idle=True)

    def _part(self, occupant: Occupant, place: _Place, *, known: bool = False) -> None:
        """Take a connection out of its groups; a stranger is a newcomer no longer, and may be `known` instead."""
        idle = place.idle
        if idle:
            self._set_idle(occupant, place, idle=False)
            place.idle = idle
        for group in place.groups:
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]
            if group[0] == _STRANGERS:
                if known:
                    self.newcomers.recognise(place.origin)
                else:
                    self.newcomers.leave(place.origin)

    def _set_idle(self, occupant: Occupant, place: _Place, *, idle: bool) -> None:
        place.idle = idle
        for group in place.groups:
            members = self._idle.setdefault(group, {})
            before = len(members)
            if idle:
                members[occupant] = None
            else:
                members.pop(occupant, None)
            if group[0] != _ADDRESS:
                self._rank(group, before, len(members))
            if not members:
                del self._idle[group]

    def _rank(self, group: Group, before: int, after: int) -> None:
        if before:
            self._ranks[before].pop(group)
            if not self._ranks[before]:
                del self._ranks[before]
        if after:
            self._ranks.setdefault(after, {})[group] = None
        if after > self._largest or (before == self._largest and before not in self._ranks):
            self._largest = after
