"""A NATS of three servers that loses one: whoever was connected to that one connects to another."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ferryman.bus.nats.bus import NatsBus, open_nats
from ferryman.bus.nats.connection import NatsOptions
from ferryman.core.ports.bus import NoResponders
from tests.nats import NatsServer, running_nats_cluster
from tests.waiting import PATIENCE


async def answer(payload: bytes) -> bytes:
    return payload


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[tuple[list[NatsServer], list[NatsBus]]]:
    """Three buses, each connected to another server first; all know all of them."""
    with running_nats_cluster(tmp_path) as servers:
        urls = [each.url for each in servers]
        orders = [urls[number:] + urls[:number] for number in range(len(urls))]
        buses = [await open_nats(NatsOptions(tuple(order)), PATIENCE) for order in orders]
        yield servers, buses
        for bus in buses:
            await bus.close()


async def test_every_server_is_reached_after_the_loss_of_any_one(
    three: tuple[list[NatsServer], list[NatsBus]],
) -> None:
    servers, buses = three
    for number, bus in enumerate(buses):
        await bus.subscribe(f"control.{number}", answer)

    async def reaches_all(bus: NatsBus) -> None:
        for number in range(len(buses)):
            while True:
                try:
                    assert await bus.request(f"control.{number}", b"x", timeout=1) == b"x"
                    break
                except (NoResponders, TimeoutError):
                    await asyncio.sleep(0.01)

    for server in servers:
        server.stop()
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(reaches_all(bus) for bus in buses))
        print(f"all reach all {time.monotonic() - began:.2f} s after a loss")
        server.start()
