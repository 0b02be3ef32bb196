"""Who is counted as what, and who has to go when there is no room."""

import random
from ipaddress import IPv4Address

from ferryman.server.listener.connection_limits import ConnectionLimits
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits

HERE, THERE = IPv4Address("192.0.2.7"), IPv4Address("192.0.2.8")


class Occupied:
    """A connection that notes that it was closed."""

    def __init__(self, limits: ConnectionLimits, origin: IPv4Address | None = HERE) -> None:
        self.evicted = False
        assert limits.unauthenticated.enter(origin)
        limits.add(self, origin)

    def evict(self) -> None:
        self.evicted = True


def made(most: int = 1000, per_caller: int = 1000, per_address: int = 1000) -> ConnectionLimits:
    return ConnectionLimits(UnauthenticatedLimits(), most, per_caller, per_address)


def evicted(connections: list[Occupied]) -> list[int]:
    return [number for number, each in enumerate(connections) if each.evicted]


def test_idlest_connection_of_the_largest_holder_is_closed_first() -> None:
    limits = made()
    others = [Occupied(limits, THERE) for _ in range(2)]
    many = [Occupied(limits) for _ in range(4)]
    limits.mark_busy(many[0])
    limits.mark_idle(many[0])  # it has just had an answer
    assert limits.evict_idlest()
    assert evicted(many) == [1]
    assert limits.evict_idlest()
    assert evicted(many) == [1, 2]
    for _ in range(4):
        assert limits.evict_idlest()
    assert all(each.evicted for each in others + many)
    assert not limits.evict_idlest()
    assert len(limits.unauthenticated) == 0


def test_busy_connections_and_channels_are_not_closed() -> None:
    limits = made()
    busy, channel = Occupied(limits), Occupied(limits)
    limits.mark_busy(busy)
    limits.mark_channel(channel)
    assert not limits.evict_idlest()
    limits.unmark_channel(channel)
    assert limits.evict_idlest()
    assert (busy.evicted, channel.evicted) == (False, True)


def test_quarter_of_the_connections_is_reserved_for_channels() -> None:
    limits = made(most=8)
    channels = [Occupied(limits) for _ in range(4)]
    for each in channels:
        limits.mark_channel(each)
    rest = [Occupied(limits) for _ in range(10)]
    assert evicted(rest) == [0, 1, 2, 3]
    assert evicted(channels) == []


def test_caller_over_its_limit_loses_its_own_idle_connections() -> None:
    limits = made(per_caller=2)
    stranger, other = Occupied(limits), Occupied(limits)
    assert limits.identify(other, "other", node=False)
    mine = [Occupied(limits) for _ in range(4)]
    for each in mine:
        limits.mark_busy(each)
        assert limits.identify(each, "me", node=False)
        limits.mark_idle(each)
    assert evicted(mine) == [0, 1]
    assert not stranger.evicted
    assert not other.evicted


def test_connection_over_the_callers_limit_is_refused_while_all_are_busy() -> None:
    limits = made(per_caller=1)
    busy, another = Occupied(limits), Occupied(limits)
    for each in (busy, another):
        limits.mark_busy(each)
    assert limits.identify(busy, "me", node=False)
    assert not limits.identify(another, "me", node=False)
    assert evicted([busy, another]) == []


def test_callers_of_one_address_are_counted_together_but_nodes_are_not() -> None:
    limits = made(per_address=2)
    users = [Occupied(limits) for _ in range(3)]
    nodes = [Occupied(limits) for _ in range(5)]
    elsewhere, uncounted = Occupied(limits, THERE), Occupied(limits, None)
    for number, each in enumerate(nodes):
        assert limits.identify(each, f"mi-{number}", node=True)
    for number, each in enumerate([*users, elsewhere, uncounted]):
        assert limits.identify(each, f"user-{number}", node=False)
    assert evicted(users) == [0]
    assert evicted([*nodes, elsewhere, uncounted]) == []


def test_closing_channels_count_as_their_callers_again() -> None:
    """Whoever opens channels faster than they close does not hold any number of them."""
    limits = made(per_caller=2)
    channels = [Occupied(limits) for _ in range(5)]
    for each in channels:
        assert limits.identify(each, "mi-1", node=True)
        limits.mark_channel(each)
    assert evicted(channels) == []
    for each in channels:
        limits.unmark_channel(each)
    assert evicted(channels) == [0, 1, 2]


def test_largest_holder_loses_a_connection_after_any_sequence_of_events() -> None:
    source = random.Random(20261128)  # noqa: S311 a course of events that can be repeated
    limits = made()
    owners: dict[Occupied, str] = {}
    idle: set[Occupied] = set()
    for _ in range(3000):
        act = source.choice(["enter", "enter", "working", "waiting", "leave", "evict"])
        if act == "enter" or not owners:
            new = Occupied(limits)
            owners[new] = owner = source.choice("abc")
            assert limits.identify(new, owner, node=True)
            idle.add(new)
            continue
        one = source.choice(list(owners))
        if act == "working":
            limits.mark_busy(one)
            idle.discard(one)
        elif act == "waiting":
            limits.mark_idle(one)
            idle.add(one)
        elif act == "leave":
            limits.remove(one)
            owners.pop(one)
            idle.discard(one)
        elif limits.evict_idlest():
            (gone,) = [each for each in owners if each.evicted]
            sizes = {owner: sum(owners[each] == owner for each in idle) for owner in "abc"}
            assert sizes[owners[gone]] == max(sizes.values())
            owners.pop(gone)
            idle.discard(gone)
        else:
            assert not idle
    for each in owners:
        limits.remove(each)
    assert not limits.evict_idlest()


def test_who_waits_longest_for_a_refusal_makes_room_at_its_address() -> None:
    limits = made()
    here = [Occupied(limits) for _ in range(5)]
    Occupied(limits, THERE)
    for each in here:
        limits.mark_busy(each)
        limits.mark_refused(each)
    limits.mark_busy(here[0])
    assert limits.identify(here[1], "caller", node=True)
    limits.remove(here[2])
    limits.evict_refused(THERE)
    limits.evict_refused(HERE)
    limits.evict_refused(HERE)
    limits.evict_refused(HERE)
    assert evicted(here) == [3, 4]
    assert len(limits.unauthenticated) == 2  # the busy one, and the one from elsewhere
