"""The browser's engine and Python's over a relay that loses, doubles and delays frames."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ferryman.channel.streams.window import Window
from tests.console_build import engine_program, node_program
from tests.examples import examples
from tests.property.channel.browser_engine import EngineProgram
from tests.property.channel.data_channel_world import WEATHER, WINDOWS, Run, Weather


@pytest.fixture(scope="module")
def program() -> Iterator[EngineProgram]:
    running = EngineProgram(node_program(), engine_program())
    yield running
    running.close()


@settings(
    deadline=None,
    max_examples=examples(10),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(weather=WEATHER, window=WINDOWS, output_size=st.integers(0, 30_000), encrypted=st.booleans())
def test_every_byte_arrives_once_and_in_order(
    program: EngineProgram, weather: Weather, window: Window, output_size: int, encrypted: bool
) -> None:
    run = Run(weather, window, output_size, program.new_client, encrypted=encrypted)
    run.run()
    run.check()
    if encrypted:
        run.check_secrecy()
