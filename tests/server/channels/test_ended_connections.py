"""What ended connections leave behind: nothing that only a full garbage collection could free.

A full collection stops everything for some 50 ms, and a flood of connections that leave cycles brings one about every
few seconds.
"""

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar

import pytest

from ferryman.server.listener import listener
from ferryman.server.listener.connection import Connection
from tests.server.raw_connections import BAD, HEALTH, UPGRADE, Raw
from tests.server.running import until

UNSIGNED = b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSSM.StartSession\r\nContent-Length: 2\r\n\r\n{}"
SENT = {
    "health": HEALTH,
    "an unsigned call": UNSIGNED,
    "half a request": b"POST / HTTP/1.1\r\nHost: h\r\nX-Slow: ",
    "half a body": UNSIGNED[:-1],
    "an upgrade": UPGRADE,
    "an upgrade and a text frame": UPGRADE + b"\x81\x81\x00\x00\x00\x00x",
    "an upgrade and a ping": UPGRADE + b"\x89\x80\x00\x00\x00\x00",
    "an upgrade and a flood of pings": UPGRADE + b"\x89\x80\x00\x00\x00\x00" * 500,
    **{f"bad: {name}": sent for name, sent in BAD.items()},
}


class Watched(Connection):
    """A connection that can be referred to weakly: to look for connections among all objects takes a second."""

    __slots__ = ("__weakref__",)

    alive: ClassVar[weakref.WeakSet["Watched"]] = weakref.WeakSet()

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.alive.add(self)


@pytest.fixture(autouse=True)
def no_collections(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only what nothing refers to is freed."""
    monkeypatch.setattr(listener, "Connection", Watched)
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("sent", SENT.values(), ids=SENT)
async def test_a_connection_is_freed_when_it_ends(connect: Callable[..., Awaitable[Raw]], sent: bytes) -> None:
    async def left() -> int:
        await asyncio.sleep(0)
        return len(Watched.alive)

    witness = await connect()

    async def server_has_read() -> None:
        for _ in range(3):  # what was sent before on another connection is read by then
            witness.writer.write(HEALTH)
            assert b" 200 " in await witness.status()

    await server_has_read()
    before = await left()
    assert before
    for _ in range(3):
        raw = await connect()
        raw.writer.write(sent)
        await raw.writer.drain()
        await server_has_read()
        raw.writer.close()
    await until(left, lambda count: count <= before)
    await server_has_read()  # the witness has not timed out, so it is not what is missing
