"""Two engines over a relay that loses, doubles and delays frames: every byte arrives once and in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.channel.streams.window import Window
from tests.property.data_channel_world import WEATHER, WINDOWS, Run, Weather


@settings(deadline=None, max_examples=120)
@given(weather=WEATHER, window=WINDOWS, output_size=st.integers(0, 30_000))
def test_every_byte_arrives_once_and_in_order(weather: Weather, window: Window, output_size: int) -> None:
    run = Run(weather, window, output_size)
    run.run()

    covered = 0
    for client in run.clients:
        start = run.output.find(client.output)
        assert start >= 0, "a client saw output that is not a part of what the program wrote"
        if len(client.output) >= 8:  # long enough to be found in one place only
            assert start <= covered, "output between two clients is lost"
            covered = max(covered, start + len(client.output))
        elif client.output:
            covered = max(covered, run.output.find(client.output, max(0, covered - 8)) + len(client.output))
    assert covered == len(run.output)
    assert run.client.started == 1

    by_epoch = {bytes(data) for data in run.inputs if data}
    assert not run.client.input or run.client.input in by_epoch, "the last client's input is not complete"
    for data in by_epoch:
        assert any(client.input.startswith(data) for client in run.clients), "input is lost, doubled or reordered"
