"""The time that retention goes by."""

from dataclasses import dataclass, replace

from ferryman.core.recordings.retention import trusted_now
from ferryman.core.steady_clock import SteadyClock
from ferryman.model.identifiers import Millis
from tests.unit.core.conftest import World


@dataclass
class Machine:
    """A machine's clocks."""

    wall: int = 1_700_000_000_000
    monotonic: int = 0

    def steady(self) -> SteadyClock:
        return SteadyClock(lambda: Millis(self.wall), lambda: Millis(self.monotonic))


def test_setting_the_clock_forward_ends_no_retention(world: World) -> None:
    machine = Machine()
    clock = machine.steady()
    running = replace(world.service, clock=clock, clock_steps=clock)
    before = trusted_now(running)
    machine.wall += 10 * 365 * 86_400_000
    clock.step()
    assert clock() == machine.wall
    assert trusted_now(running) == before
    machine.monotonic += 5000
    assert trusted_now(running) == before + 5000


def test_clock_that_is_set_back_is_believed(world: World) -> None:
    machine = Machine()
    clock = machine.steady()
    running = replace(world.service, clock=clock, clock_steps=clock)
    machine.wall -= 3_600_000
    clock.step()
    assert trusted_now(running) == machine.wall
