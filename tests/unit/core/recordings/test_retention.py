"""The time that retention goes by, and holds by the tags of nodes."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.core.ports.recordings.store import RecordingHold, RecordingMode
from ferryman.core.recordings.retention import begin_deletion, delete_recording_hold, trusted_now
from ferryman.core.steady_clock import SteadyClock
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.tags import ResourceType
from ferryman.recording.recorder import ServerRecorder
from ferryman.recording.storage.directory import DirectoryStorage
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


class Trail(NoTrail):
    """Keeps the states that it gets."""

    def __init__(self) -> None:
        self.states: list[object] = []

    def note(self, entry: Entry) -> None:
        self.states.append(entry["detail"]["state"])


@pytest.mark.parametrize(("tag", "reason"), [("case 4711", "case 4711"), ("", "ferryman:hold")])
async def test_tag_holds_new_recordings_of_its_node_until_they_are_released(
    world: World, tmp_path: Path, tag: str, reason: str
) -> None:
    node_id, trail = await world.node(), Trail()
    await world.store.tags.put(ResourceType.NODE, node_id, {"Ferryman:Hold": tag})
    service = replace(world.service, trail=trail)
    recorder = ServerRecorder(service, DirectoryStorage(tmp_path), RecordingMode.REQUIRED)
    session_id = (await world.start(node_id)).session_id
    await recorder.begin(await world.session(session_id))
    await recorder.close()
    await world.store.tags.remove(ResourceType.NODE, node_id)
    recording = await world.store.recordings.get(session_id)
    assert recording is not None
    assert recording.hold == RecordingHold(reason, service.arns.node(node_id), world.clock())
    assert trail.states == ["Held"]
    with pytest.raises(ServiceError, match=f"a hold keeps it, put by {service.arns.node(node_id)}: {reason}"):
        await begin_deletion(service, recording)
    await delete_recording_hold(service, world.administrator, session_id)
    await begin_deletion(service, recording)
