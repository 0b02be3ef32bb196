"""Two engines over a relay that loses, doubles and delays frames: every byte arrives once and in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ferryman.channel.streams.window import Window
from tests.examples import examples
from tests.property.channel.data_channel_world import WEATHER, WINDOWS, Run, Weather


@settings(deadline=None, max_examples=examples(30))
@given(weather=WEATHER, window=WINDOWS, output_size=st.integers(0, 30_000))
def test_every_byte_arrives_once_and_in_order(weather: Weather, window: Window, output_size: int) -> None:
    run = Run(weather, window, output_size)
    run.run()
    run.check()


@settings(deadline=None, max_examples=examples(25))
@given(weather=WEATHER, window=WINDOWS, output_size=st.integers(0, 30_000))
def test_every_byte_of_an_encrypted_session_arrives_and_the_relay_sees_none(
    weather: Weather, window: Window, output_size: int
) -> None:
    run = Run(weather, window, output_size, encrypted=True)
    run.run()
    run.check()
    run.check_secrecy()
