"""Pairs of smux sessions by protocol version and role."""

import pytest

from tests.unit.channel.mux.pair import Pair


@pytest.fixture(params=[1, 2])
def pair(request: pytest.FixtureRequest) -> Pair:
    return Pair(request.param)


@pytest.fixture
def windowed() -> Pair:
    return Pair(2)


@pytest.fixture
def aws() -> Pair:
    return Pair(1)
