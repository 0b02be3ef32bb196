"""The guard that fails tests in which a callback holds the event loop: what it finds, and how it reports it."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from ferryman.awsapi import models
from ferryman.server.operations import registry as operations
from tests.server.running import Server
from tests.stall_guard import LIMIT_SECONDS, StallGuard


@pytest.fixture
def fresh() -> None:
    """The process has read no service's model yet."""
    models.service_model.cache_clear()
    models.operation_model.cache_clear()


def busy(guard: StallGuard) -> None:
    """Compute for twice as long as is allowed on this machine: 200 ms of an idle one's CPU time."""
    end = time.thread_time() + 2 * LIMIT_SECONDS * max(guard.scale, 2)
    while time.thread_time() < end:
        pass


@pytest.fixture
def stalling(monkeypatch: pytest.MonkeyPatch, stall_guard: StallGuard) -> None:
    """DescribeSessions computes on the loop."""

    async def describe_sessions(*_: Any) -> Mapping[str, Any]:
        busy(stall_guard)
        return {"Sessions": []}

    changed = {**operations.BY_CALLER, ("ssm", "DescribeSessions"): describe_sessions}
    monkeypatch.setattr("ferryman.server.http.steps.BY_CALLER", changed)


async def test_a_handler_that_computes_is_found_and_named(
    server: Server, stalling: None, stall_guard: StallGuard
) -> None:
    await server.call("describe_sessions", State="Active")
    told = stall_guard.report()
    assert "RequestHandler." in told
    assert "busy (tests/server/serving/test_stall_guard.py:" in told
    assert "describe_sessions (tests/server/serving/test_stall_guard.py:" in told
    assert "ferryman/server/http/pipeline.py:" in told


async def test_a_callback_that_computes_is_named(stall_guard: StallGuard) -> None:
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    measure = StallGuard.measuring  # any code outside the tests would do

    def compute() -> None:
        busy(stall_guard)
        done.set_result(None)

    compute.__code__ = compute.__code__.replace(co_filename=measure.__code__.co_filename.replace("tests", "elsewhere"))
    loop.call_soon(compute)
    await done
    assert "callback test_a_callback_that_computes_is_named.<locals>.compute" in stall_guard.report()


async def test_waiting_is_not_computing(
    server: Server, monkeypatch: pytest.MonkeyPatch, stall_guard: StallGuard
) -> None:
    async def describe_sessions(*_: Any) -> Mapping[str, Any]:
        time.sleep(2 * LIMIT_SECONDS)
        return {"Sessions": []}

    changed = {**operations.BY_CALLER, ("ssm", "DescribeSessions"): describe_sessions}
    monkeypatch.setattr("ferryman.server.http.steps.BY_CALLER", changed)
    await server.call("describe_sessions", State="Active")
    assert stall_guard.report() == ""


@pytest.fixture
async def computing(stall_guard: StallGuard) -> AsyncIterator[None]:
    """Looks at all that is open, as the server's own fixture does at the end."""
    busy(stall_guard)
    yield
    busy(stall_guard)


async def test_fixtures_do_not_count(computing: None, stall_guard: StallGuard) -> None:
    await asyncio.sleep(0)
    assert stall_guard.report() == ""


async def test_work_of_the_test_and_the_collector_is_not_counted(stall_guard: StallGuard) -> None:
    busy(stall_guard)
    await asyncio.sleep(0)
    gc.collect()
    await asyncio.sleep(0)
    assert stall_guard.report() == ""


async def test_the_first_call_does_not_wait_for_the_services_models(fresh: None, server: Server) -> None:
    read = models.service_model.cache_info().misses
    assert read == len(models.SERVICES)
    await server.call("describe_sessions", State="Active")
    assert models.service_model.cache_info().misses == read
