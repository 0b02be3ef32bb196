"""Bodies of API calls: how long and how large they may be, and what waiting for them costs."""

import asyncio
import json
import struct
from collections.abc import Awaitable, Callable

import pytest

from ferryman.core.service import Limits
from tests.server.callers.signed_calls import CALL, signed_call
from tests.server.raw_connections import UPGRADE, Raw
from tests.server.running import Server, nothing, until


class TestBodies:
    """Requests of a megabyte that lack their last byte."""

    UNFINISHED = CALL + b"Content-Length: 1000000\r\n\r\n" + b"x" * 999_999

    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(request_memory=3_500_000)

    async def test_memory_of_unfinished_requests_is_bounded(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        many = [await connect() for _ in range(8)]
        for each in many:
            each.writer.write(self.UNFINISHED)
        answers = [asyncio.create_task(each.gone()) for each in many]
        await until(nothing, lambda _: sum(each.done() for each in answers) == 5)
        # A kernel drops the answer if more of the request arrives after the connection is closed.
        heads = [head for answer in answers if answer.done() and (head := answer.result())]
        assert heads
        for head in heads:
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in head
            assert b"SlowDown" in head
        small = await connect()
        small.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
        assert b"200" in await small.status()
        for each in many:
            each.writer.transport.abort()
        await asyncio.gather(*answers)

    async def test_unauthenticated_connections_do_not_keep_callers_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        known = await connect()
        known.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
        assert b"200" in await known.status()
        known.writer.write(self.UNFINISHED)
        unauthenticated = [await connect() for _ in range(5)]
        for each in unauthenticated:
            each.writer.write(self.UNFINISHED)
        refused = [asyncio.create_task(each.gone()) for each in unauthenticated]
        await until(nothing, lambda _: sum(each.done() for each in refused) == 2)
        known.writer.write(b"x")
        assert b"400" in await known.status()  # whole, and not signed
        for each in unauthenticated:
            each.writer.transport.abort()
        await asyncio.gather(*refused)

    async def test_unanswered_requests_do_not_keep_other_callers_out(
        self, server: Server, connect: Callable[..., Awaitable[Raw]]
    ) -> None:
        node = await server.register()
        members = {"Destination": node.node_id, "MessagesRequestId": "0" * 36, "VisibilityTimeoutInSeconds": 10}
        body = json.dumps({**members, "Padding": "x" * 900_000}).encode()
        poll = signed_call(server, "GetMessages", body, node.credentials, "ec2messages")
        known = await connect()
        for _ in range(10):
            waiting = await connect()
            waiting.writer.write(poll)
            for _ in range(2):
                known.writer.write(signed_call(server, "DescribeSessions", b'{"State":"Active"}'))
                assert b"200" in await known.status()

    async def test_frames_before_the_opening_count(self, connect: Callable[..., Awaitable[Raw]]) -> None:
        frame = struct.pack(">BBQ4s", 0x82, 0x80 | 127, 900_000, bytes(4)) + bytes(900_000)
        raw = await connect()
        raw.writer.write(UPGRADE + frame * 10)
        assert b"101" in await raw.status()
        await raw.gone()
