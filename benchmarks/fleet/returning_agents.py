"""Agents that come back whenever they lose the server, for `benchmarks reconnects`; a process of its own.

Each does what Ferryman's agent does, over one connection: UpdateInstanceInformation, CreateControlChannel, the upgrade,
the opening, with the agent's own back-off. The connections are plain sockets, so that the server is measured and not
they. Reads `Facts` as JSON, and prints how many are connected, and since when, whenever that changes much.
"""

import asyncio
import base64
import json
import os
import re
import sys
import time
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from benchmarks.peers.raw_peers import masked
from ferryman.agent.control_channel import RECONNECT
from ferryman.channel.backoff import Attempts
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.model.values.versions import AGENT_VERSION
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import sign
from ferryman.transport.http import CALL_SECONDS
from ferryman.wire.opening import MESSAGE_SCHEMA_VERSION

TEXT, PING, PONG = 1, 9, 10
REPORT_SECONDS = 0.2
USER_AGENT = f"ferryman-agent/{AGENT_VERSION}"


@dataclass(frozen=True)
class Facts:
    """Where the server is, and the ids and credentials of the nodes."""

    port: int
    region: str
    nodes: list[tuple[str, str, str, str]]

    def as_json(self) -> str:
        """For the process's standard input."""
        return json.dumps(asdict(self))


class Refused(Exception):
    """The server answered something else than expected."""


class Fleet:
    """All agents."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.connected = 0
        self.refusals = 0

    async def run(self) -> None:
        """Keep every agent connected, and report how many are."""
        agents = [asyncio.create_task(self._agent(*node)) for node in self._facts.nodes]
        reported = -1
        while not agents[0].done():
            if self.connected != reported:
                reported = self.connected
                print(json.dumps([time.monotonic(), reported, self.refusals]), flush=True)
            await asyncio.sleep(REPORT_SECONDS)

    async def _agent(self, node_id: str, key: str, secret: str, token: str) -> None:
        credentials = Credentials(key, Secret(secret), Secret(token))
        attempts = Attempts(RECONNECT, os.urandom)
        while True:
            try:
                reader, writer = await self._connect(node_id, credentials)
            except (OSError, EOFError, TimeoutError, Refused):
                self.refusals += 1
                attempts.failed()
            else:
                began = time.monotonic()
                self.connected += 1
                try:
                    await _stay(reader, writer)
                except (OSError, EOFError):
                    self.connected -= 1
                    writer.close()
                attempts.lost(time.monotonic() - began)
            await asyncio.sleep(attempts.wait())

    async def _connect(
        self, node_id: str, credentials: Credentials
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._facts.port)
        try:
            return reader, await self._open(node_id, credentials, reader, writer)
        except BaseException:
            writer.close()
            raise

    async def _open(
        self, node_id: str, credentials: Credentials, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> asyncio.StreamWriter:
        ping = {"InstanceId": node_id, "AgentVersion": AGENT_VERSION, "AgentStatus": "Active"}
        target = {"X-Amz-Target": "AmazonSSM.UpdateInstanceInformation", "Content-Type": "application/x-amz-json-1.1"}
        async with asyncio.timeout(CALL_SECONDS):
            self._send(writer, credentials, "POST", "/", "ssm", target, json.dumps(ping).encode())
            await _answer(reader, 200)
        path = f"/v1/control-channel/{node_id}"
        opening = {"MessageSchemaVersion": MESSAGE_SCHEMA_VERSION, "RequestId": str(uuid.uuid4())}
        async with asyncio.timeout(CALL_SECONDS):
            kind = {"Content-Type": "application/json"}
            self._send(writer, credentials, "POST", path, "ssmmessages", kind, json.dumps(opening).encode())
            found = re.search(rb"<TokenValue>(.+)</TokenValue>", await _answer(reader, 201))
        if found is None:
            raise Refused
        async with asyncio.timeout(CALL_SECONDS):
            upgrade = {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            }
            self._send(writer, credentials, "GET", path, "ssmmessages", upgrade)
            await _answer(reader, 101)
            opening |= {"TokenValue": found[1].decode(), "AgentVersion": AGENT_VERSION, "PlatformType": "linux"}
            text = json.dumps(opening | {"Ferryman": 1}).encode()
            writer.write(masked(text, TEXT) + masked(b"", PING))
            await _message(reader)  # the pong comes when the channel is open
        return writer

    def _send(
        self,
        writer: asyncio.StreamWriter,
        credentials: Credentials,
        method: str,
        path: str,
        service: str,
        headers: dict[str, str],
        body: bytes = b"",
    ) -> None:
        host = {"Host": f"127.0.0.1:{self._facts.port}"}
        signed = host | headers if body else host
        request = SignableRequest(method, path, "", list(signed.items()), body)
        signature = sign(request, credentials, self._facts.region, service, datetime.now(UTC))
        headers = host | {"User-Agent": USER_AGENT} | headers | signature
        if body:
            headers |= {"Content-Length": str(len(body))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode() + body)


async def _answer(reader: asyncio.StreamReader, expected: int) -> bytes:
    """Return the body of a response; raises `Refused`."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    body = await reader.readexactly(int(length[1])) if length else b""
    if int(head.split(b" ", 2)[1]) != expected:
        raise Refused(head)
    return body


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Return the opcode and the content of the next WebSocket message, which is short."""
    first, size = await reader.readexactly(2)
    if size == 126:
        size = int.from_bytes(await reader.readexactly(2), "big")
    return first & 0x0F, await reader.readexactly(size)


async def _stay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer pings until the server is gone."""
    while True:
        opcode, content = await _message(reader)
        if opcode == PING:
            writer.write(masked(content, PONG))
        elif opcode == 8:
            raise EOFError


if __name__ == "__main__":
    asyncio.run(Fleet(Facts(**json.loads(sys.stdin.readline()))).run())
