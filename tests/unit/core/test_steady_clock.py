"""A clock that is set moves what is measured from, and not what is measured."""

from dataclasses import dataclass, replace

import pytest

from ferryman.core.service import Service
from ferryman.core.sessions.lifecycle import session_finished
from ferryman.core.sessions.sweep import sweep
from ferryman.core.steady_clock import LEAST_STEP, SETTLED_AFTER, SteadyClock
from ferryman.model.errors import StoreUnavailable
from ferryman.model.identifiers import Millis
from ferryman.model.sessions import SessionStatus
from tests.unit.core.conftest import START, World
from tests.unit.core.sessions.transitions import connected, status

HOUR = 3_600_000


@dataclass
class Machine:
    """A machine's two clocks."""

    wall: int = START
    monotonic: int = 5_000

    def pass_(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.monotonic += milliseconds

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: Millis(self.wall), lambda: Millis(self.monotonic))


def test_a_clock_that_is_set_is_followed_at_a_step() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.pass_(1000)
    assert (clock(), clock.step(), clock.settled) == (START + 1000, 0, True)
    machine.wall += HOUR
    assert clock() == START + 1000
    assert (clock.step(), clock(), clock.settled) == (HOUR, START + 1000 + HOUR, False)
    clock.moved(HOUR)
    assert (clock.step(), clock.total) == (0, HOUR)
    machine.wall -= HOUR
    assert (clock.step(), clock.total) == (-HOUR, 0)
    machine.pass_(SETTLED_AFTER)
    assert clock.settled


def test_files_that_were_not_moved_yet_wait() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.wall += HOUR
    assert clock.step() == HOUR
    machine.wall += HOUR
    assert clock.step() == 2 * HOUR


def test_a_clock_that_is_adjusted_is_followed_without_a_step() -> None:
    machine = Machine()
    clock = machine.steady()
    machine.wall += LEAST_STEP - 1
    assert (clock.step(), clock()) == (0, START + LEAST_STEP - 1)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def on(world: World, machine: Machine) -> Service:
    """The world's service by a machine's clock, in the world as well."""
    clock = machine.steady()
    world.service = replace(world.service, clock=clock, clock_steps=clock)
    return world.service


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_sessions_last_as_long_as_without_a_jump(world: World, machine: Machine, step: int) -> None:
    service = on(world, machine)
    ticket, relay = await connected(world)
    relay.last_activity = service.clock()
    machine.pass_(19 * 60_000)
    machine.wall += step
    await sweep(service)
    assert await status(world, ticket) is SessionStatus.CONNECTED
    machine.pass_(30_000)
    await sweep(service)
    assert await status(world, ticket) is SessionStatus.CONNECTED
    relay.last_activity = Millis(relay.last_activity + step)
    machine.pass_(60_000)
    await sweep(service)
    assert await status(world, ticket) is SessionStatus.TERMINATING


async def test_nothing_is_deleted_for_its_age_by_a_clock_that_was_just_set(world: World, machine: Machine) -> None:
    service = on(world, machine)
    ticket, _ = await connected(world)
    await session_finished(service, ticket.session_id, "")
    assert await status(world, ticket) is SessionStatus.TERMINATED
    machine.wall += 365 * 24 * HOUR
    await sweep(service)
    assert await status(world, ticket) is SessionStatus.TERMINATED
    machine.pass_(SETTLED_AFTER)
    await sweep(service)
    assert await service.store.sessions.get(ticket.session_id) is None


async def test_a_store_that_could_not_follow_the_clock_ends_nothing(
    world: World, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = on(world, machine)
    ticket, relay = await connected(world)
    relay.last_activity = service.clock()

    async def full(_: int) -> int:
        raise StoreUnavailable("full", "database or disk is full")

    machine.wall += HOUR
    with monkeypatch.context() as patched:
        patched.setattr(service.store.sessions, "move_times", full)
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await sweep(service)
    await sweep(service)
    assert await status(world, ticket) is SessionStatus.CONNECTED
    assert service.clock_steps.step() == 0
