"""TCP connections to a server under test that may send anything, and what to send on them."""

import asyncio
from dataclasses import dataclass

from tests.server.running import server_sockets
from tests.waiting import PATIENCE

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: ferryman.test\r\n\r\n"
UPGRADE = (
    b"GET /v1/data-channel/admin-0123456789abcdef0?role=publish_subscribe HTTP/1.1\r\nHost: ferryman.test\r\n"
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@dataclass
class Raw:
    """A TCP connection to the server that says what it likes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int, **options: object) -> "Raw":
        return cls(*await asyncio.open_connection("127.0.0.1", port, **options))  # type: ignore[arg-type]

    async def gone(self) -> bytes:
        """Read until the server closes; what it said."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionError:
                return b""

    async def status(self) -> bytes:
        """The answer's status line; its body is read away."""
        async with asyncio.timeout(PATIENCE):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            await self.reader.readexactly(int(length or 0))
        return head.split(b"\r\n")[0]


MARK = b"qqreflectedqq"
CALL = b"POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Target: AmazonSSM.GetDocument\r\n"

BAD = {
    "not http": MARK + b"\r\n\r\n",
    "method": MARK + b"\x00 / HTTP/1.1\r\nHost: h\r\n\r\n",
    "no method": b"GE\x01T /" + MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "version": b"GET /" + MARK + b" HTTP/9.9.9\r\nHost: h\r\n\r\n",
    "header": b"GET / HTTP/1.1\r\n" + MARK + b"\r\n\r\n",
    "header name": b"GET / HTTP/1.1\r\n" + MARK + b"\x00: 1\r\n\r\n",
    "length": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + MARK + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\nX: " + MARK + b"\r\n\r\n",
    "coding": b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: " + MARK + b"\r\n\r\n",
    "long line": b"GET /" + MARK * 1000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "many lines": b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-" + MARK + b": 1\r\n" * 200 + b"\r\n",
    "expectation": b"GET / HTTP/1.1\r\nHost: h\r\nExpect: " + MARK + b"\r\n\r\n",
    "chunk": CALL + b"Transfer-Encoding: chunked\r\n\r\n" + MARK + b"\r\n",
    "chunk after chunk": CALL + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" + MARK + b"\r\n",
    "url": b"GET http://[" + MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "port": b"GET http://h:99999999/" + MARK + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "upgrade": b"GET /v1/data-channel/x HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 99\r\nSec-WebSocket-Key: " + MARK + b"\r\n\r\n",
    "tls": bytes.fromhex("16030100c8010000c40303") + MARK,
    "behind a request": HEALTH + MARK + b"\x00\r\n\r\n",
}
"""Requests that are not valid HTTP, by what is wrong; each contains `MARK`, which no response may repeat."""


def connected(port: int) -> list[str]:
    """The server's sockets that have a peer."""
    return [each for each in server_sockets(port) if not each.endswith("LISTEN")]
