"""A fleet on several servers survives losing them, in virtual time: a small `benchmarks/fleet/simulation.py`.

The servers' processors are slow in turn: what 300 nodes ask of them is what 3,000 ask of real ones.
"""

import asyncio
from collections.abc import Coroutine

from benchmarks.fleet.simulated.fleet import Fleet, Seen, simulated_fleet
from benchmarks.fleet.simulated.servers import Costs, standing_for
from benchmarks.fleet.simulated.virtual_time import VirtualLoop

NODES, SERVERS, SESSIONS = 300, 4, 15
SLOW = Costs(authentication=0.012, call=0.013, upgrade=0.023, frame=0.0003)


def test_everyone_is_back_soon_after_a_server_is_lost_and_nothing_typed_is() -> None:
    _simulate(_losses())


def test_a_crowd_of_ten_times_as_many_nodes_as_may_wait_gets_in() -> None:
    """Without a place for those that are half done, and if refusals made a server look idle, it hardly would."""
    _simulate(_crowd())


def _simulate(simulated: Coroutine[None, None, None]) -> None:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)
        with loop.as_the_clock():
            runner.run(simulated)


async def _crowd() -> None:
    with standing_for(100) as costs:
        async with simulated_fleet(1000, 5, costs) as fleet:
            connected = await fleet.connect()
            assert connected.missing == 0
            # 220 s if the servers did nothing but connect nodes
            assert connected.seconds <= 400
            assert fleet.world.faults == []


async def _losses() -> None:
    async with simulated_fleet(NODES, SERVERS, SLOW) as fleet:
        await fleet.connect()
        await fleet.start_sessions(SESSIONS, 10, every=2)
        first, second = fleet.world.servers[:2]

        killed = await fleet.lose(first, silent=False)
        _check(fleet, killed, seconds=10, slowest_key=3)

        vanished = await fleet.lose(second, silent=True)  # agents hear nothing, and ask after 20 s
        _check(fleet, vanished, seconds=45, slowest_key=12)

        restarted = await fleet.restart_all(down=10)
        _check(fleet, restarted, seconds=60, slowest_key=30)
        assert fleet.world.faults == []


def _check(fleet: Fleet, seen: Seen, *, seconds: float, slowest_key: float) -> None:
    assert seen.missing == 0
    assert seen.seconds <= seconds
    assert seen.slowest_key <= slowest_key
    assert (
        seen.backlog <= 0.25
    )  # so long waits a key for whatever the others ask of a server, ten times slower than real
    assert [person.ended for person in fleet.people if person.ended] == []
    assert sum(person.wrong for person in fleet.people) == 0
    assert all(person.echoed for person in fleet.people)
