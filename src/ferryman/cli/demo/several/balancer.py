"""Sends connections to whichever of several servers are ready, both ends of a session to the same one.

HAProxy does it where it is installed. Otherwise a proxy that is good for a demo: it looks at the first request of a
connection only.
"""

import asyncio
import contextlib
import hashlib
import random
import re
from collections.abc import Sequence

CHECK_SECONDS = 0.5
_CHECK_PATIENCE = 2
_HEAD_BYTES = 16 * 1024
_PIECE = 64 * 1024
_SESSION = re.compile(rb"[A-Z]+ /v1/data-channel/([^/? ]+)")
_SERVER = "    server {name} 127.0.0.1:{port}{more}\n"
_HAPROXY = """\
defaults
    mode http
    timeout connect 300ms
    timeout client 60s
    timeout server 60s
    timeout tunnel 15m
    retries 3
    option redispatch 1

frontend ferryman
    bind 127.0.0.1:{port}
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    use_backend channels if {{ path_beg /v1/data-channel/ }}
    default_backend calls

backend channels
    balance uri path-only
    hash-type consistent
    option httpchk GET /readyz
    option allbackups
    default-server check inter 1s fall 2 rise 2 observe layer4 error-limit 1 on-error mark-down
{servers}
backend calls
    balance leastconn
    option httpchk GET /readyz
    option allbackups
    default-server check inter 1s fall 2 rise 2 observe layer4 error-limit 1 on-error mark-down
{servers}"""


def haproxy_configuration(port: int, servers: Sequence[int]) -> str:
    """Return HAProxy's configuration; `servers` are the ports on this machine."""
    checked = [_SERVER.format(name=f"server{number}", port=each, more="") for number, each in enumerate(servers, 1)]
    anyway = [
        _SERVER.format(name=f"server{number}-anyway", port=each, more=" no-check backup")
        for number, each in enumerate(servers, 1)
    ]
    return _HAPROXY.format(port=port, servers="".join(checked + anyway))


class Balancer:
    """The proxy for where there is no HAProxy."""

    def __init__(self, servers: Sequence[int]) -> None:
        self._servers = servers
        self._ready: set[int] = set()

    async def run(self, port: int) -> None:
        """Serve until cancelled."""
        async with await asyncio.start_server(self._accept, "127.0.0.1", port, limit=_HEAD_BYTES):
            while True:
                for server in self._servers:
                    (self._ready.add if await _is_ready(server) else self._ready.discard)(server)
                await asyncio.sleep(CHECK_SECONDS)

    def choose(self, head: bytes) -> list[int]:
        """Return the servers to try for a request, best first: by the session's id if it is one of a session."""
        candidates = [each for each in self._servers if each in self._ready] or list(self._servers)
        if not (session := _SESSION.match(head)):
            return random.sample(candidates, len(candidates))

        def weight(server: int) -> bytes:
            return hashlib.sha256(session[1] + b"@%d" % server).digest()

        return sorted(candidates, key=weight)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            for server in self.choose(head):
                with contextlib.suppress(ConnectionError):
                    its_reader, its_writer = await asyncio.open_connection("127.0.0.1", server)
                    break
            else:
                return
            try:
                its_writer.write(head)
                await asyncio.gather(_pump(reader, its_writer), _pump(its_reader, writer))
            finally:
                await _close(its_writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return
        finally:
            await _close(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(_CHECK_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                status = await reader.readline()
            finally:  # also when the server is silent, or the balancer stops
                writer.transport.abort()
    except (OSError, TimeoutError):
        return False
    return b" 200 " in status
