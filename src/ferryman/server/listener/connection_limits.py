"""Which connections are open, who they belong to, and which one is closed to make room for another.

A connection is unauthenticated at first, belongs to a caller once its peer is authenticated, and is a channel once it
is a node's control channel or one end of a session. Channels are never closed to make room. Other connections can be
while they wait for their peer: for the rest of a handshake, a head, a body or an opening frame, or for the next
request. Of whoever has most idle connections, the one idle longest is closed, so a peer that fills the server loses its
own connections.
"""

from collections import Counter
from collections.abc import Hashable
from typing import Protocol, TypeAlias

from ferryman.server.listener.unauthenticated import Origin, UnauthenticatedLimits

CHANNELS_SHARE = 4
"""One connection in this many is reserved for channels, by closing idle ones of the rest."""

Group: TypeAlias = tuple[str, Hashable]
_UNAUTHENTICATED, _CALLER, _ADDRESS = "unauthenticated", "caller", "address"


class CountedConnection(Protocol):
    """A connection, as this module sees it."""

    def evict(self) -> None:
        """Drop the connection now; it is no longer counted."""


class _Entry:
    """How a connection is counted."""

    __slots__ = ("channel", "groups", "idle", "origin")

    def __init__(self, groups: tuple[Group, ...], origin: Origin | None) -> None:
        self.groups = groups
        self.origin = origin
        self.idle = True
        self.channel = False


class ConnectionLimits:
    """Counts the connections of one server.

    At most `most` are open in total; `per_caller` of one caller, and `per_address` of all callers but nodes from one
    address, not counting channels. `unauthenticated` limits the unauthenticated ones of each address.
    """

    def __init__(self, unauthenticated: UnauthenticatedLimits, most: int, per_caller: int, per_address: int) -> None:
        self.unauthenticated = unauthenticated
        self.most = most
        self._most_ordinary = most - most // CHANNELS_SHARE
        self._limits = {_CALLER: per_caller, _ADDRESS: per_address}
        self._entries: dict[CountedConnection, _Entry] = {}
        self._channels = 0
        self._counts: Counter[Group] = Counter()
        self._idle: dict[Group, dict[CountedConnection, None]] = {}
        self._ranks: dict[int, dict[Group, None]] = {}
        """The groups of callers and of unauthenticated origins, by how many idle connections they have."""
        self._largest = 0
        self._refused: dict[Origin | None, dict[CountedConnection, None]] = {}
        """The unauthenticated connections of each origin that wait for nothing but a refusal, the oldest first."""

    def add(self, connection: CountedConnection, origin: Origin | None) -> bool:
        """Count a new connection, which `unauthenticated` has let in; return whether another one was closed for it."""
        entry = self._entries[connection] = _Entry(((_UNAUTHENTICATED, origin),), origin)
        self._add_to_groups(connection, entry)
        crowded = len(self._entries) - self._channels > self._most_ordinary
        return crowded and self.evict_idlest(unless=connection)

    def identify(self, connection: CountedConnection, caller: str, *, node: bool) -> bool:
        """Count a connection as `caller`'s; False if the caller now has too many and none of them is idle."""
        entry = self._entries.get(connection)
        if entry is None or entry.channel:
            return True
        address = () if node or entry.origin is None else ((_ADDRESS, entry.origin),)
        groups: tuple[Group, ...] = ((_CALLER, caller), *address)
        if entry.groups == groups:
            return True
        self._remove_from_groups(connection, entry, authenticated=True)
        entry.groups = groups
        self._add_to_groups(connection, entry)
        return all(self._make_room(connection, group) for group in groups)

    def mark_busy(self, connection: CountedConnection) -> None:
        """Count a connection as busy: a whole request has arrived and is being answered."""
        entry = self._entries.get(connection)
        if entry is not None and entry.idle:
            self._set_idle(connection, entry, idle=False)

    def mark_idle(self, connection: CountedConnection) -> None:
        """Count a connection as idle: it waits for its peer."""
        entry = self._entries.get(connection)
        if entry is not None and not entry.idle:
            self._set_idle(connection, entry, idle=True)

    def mark_refused(self, connection: CountedConnection) -> None:
        """Count a connection as idle that waits only for its refusal. It makes room for a new one from its address."""
        self.mark_idle(connection)
        if self.is_unauthenticated(connection):
            self._refused.setdefault(self._entries[connection].origin, {})[connection] = None

    def mark_channel(self, connection: CountedConnection) -> None:
        """Count a connection as a channel."""
        entry = self._entries.get(connection)
        if entry is not None and not entry.channel:
            self._remove_from_groups(connection, entry, authenticated=True)
            entry.channel = True
            self._channels += 1

    def unmark_channel(self, connection: CountedConnection) -> None:
        """Count a channel as an ordinary connection again: only its closing handshake is left."""
        entry = self._entries.get(connection)
        if entry is None or not entry.channel:
            return
        entry.channel, entry.idle = False, True
        self._channels -= 1
        self._add_to_groups(connection, entry)
        for group in entry.groups:
            self._make_room(connection, group)

    def remove(self, connection: CountedConnection) -> None:
        """Stop counting a connection; idempotent."""
        entry = self._entries.pop(connection, None)
        if entry is None:
            return
        if entry.channel:
            self._channels -= 1
        else:
            self._remove_from_groups(connection, entry)

    def is_unauthenticated(self, connection: CountedConnection) -> bool:
        """Whether the peer is not authenticated yet."""
        entry = self._entries.get(connection)
        return entry is not None and entry.groups[0][0] == _UNAUTHENTICATED

    def is_counted(self, connection: CountedConnection) -> bool:
        """Whether the connection comes from an address that is counted."""
        entry = self._entries.get(connection)
        return entry is not None and entry.origin is not None

    def count_request(self, connection: CountedConnection) -> bool:
        """Count a request of a peer that did not say who it is like a new connection; False if there are too many."""
        entry = self._entries.get(connection)
        return entry is None or self.unauthenticated.count(entry.origin)

    def evict_idlest(self, unless: CountedConnection | None = None) -> bool:
        """Close the idlest connection of whoever has most idle ones, but not `unless`; False if there is none."""
        for group in self._ranks.get(self._largest, ()):
            for connection in self._idle[group]:
                if connection is not unless:
                    self._evict(connection)
                    return True
        return False

    def evict_refused(self, origin: Origin | None) -> None:
        """Close the connection from an origin that has waited longest for its refusal, if there is one."""
        for connection in self._refused.get(origin, ()):
            self._evict(connection)
            return

    def _evict(self, connection: CountedConnection) -> None:
        self.remove(connection)
        connection.evict()

    def _make_room(self, connection: CountedConnection, group: Group) -> bool:
        limit = self._limits.get(group[0])
        if limit is None or self._counts[group] <= limit:
            return True
        for idlest in self._idle.get(group, ()):
            if idlest is not connection:
                self._evict(idlest)
                return True
        return False

    def _add_to_groups(self, connection: CountedConnection, entry: _Entry) -> None:
        for group in entry.groups:
            self._counts[group] += 1
        if entry.idle:
            self._set_idle(connection, entry, idle=True)

    def _remove_from_groups(self, connection: CountedConnection, entry: _Entry, *, authenticated: bool = False) -> None:
        """Remove a connection from its groups; `authenticated` if that is why it is no longer unauthenticated."""
        idle = entry.idle
        if idle:
            self._set_idle(connection, entry, idle=False)
            entry.idle = idle
        for group in entry.groups:
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]
            if group[0] == _UNAUTHENTICATED:
                if authenticated:
                    self.unauthenticated.recognise(entry.origin)
                else:
                    self.unauthenticated.leave(entry.origin)

    def _set_idle(self, connection: CountedConnection, entry: _Entry, *, idle: bool) -> None:
        entry.idle = idle
        if not idle and connection in (refused := self._refused.get(entry.origin, {})):
            del refused[connection]
            if not refused:
                del self._refused[entry.origin]
        for group in entry.groups:
            members = self._idle.setdefault(group, {})
            before = len(members)
            if idle:
                members[connection] = None
            else:
                members.pop(connection, None)
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
