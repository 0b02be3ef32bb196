"""People who watch sessions of the server under test: the calls, and their end of the stream."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
from aiohttp import WSMsgType
from botocore.exceptions import ClientError

from ferryman.model.identity.credentials import Credentials
from ferryman.wire import alis
from tests.server.peers import Peer
from tests.server.running import Server
from tests.waiting import PATIENCE


async def call(server: Server, operation: str, credentials: Credentials | None = None, **members: Any) -> Any:
    """Call an operation of Ferryman's own service; raises ClientError."""
    body = json.dumps(members).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Ferryman.{operation}"}
    signed = server.signed("POST", "/", "", body, headers, credentials, "ferryman")
    status, answer = await server.json_call(f"Ferryman.{operation}", body, signed)
    if status != 200:
        raise ClientError({"Error": {"Code": answer["__type"], "Message": answer.get("message", "")}}, operation)
    return answer


@dataclass
class Viewer:
    """The far end of a watcher's stream, and what it has been shown."""

    websocket: aiohttp.ClientWebSocketResponse
    shown: str = ""
    """The screen of the last reset, and the output since."""
    resets: list[alis.Reset] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    others: list[alis.Event] = field(default_factory=list)
    ended: bool = False

    async def event(self) -> alis.Reset | alis.Event | alis.End | None:
        """Read one message; None once the stream is closed."""
        async with asyncio.timeout(PATIENCE):
            message = await self.websocket.receive()
        if message.type is not WSMsgType.BINARY:
            return None
        if message.data == alis.MAGIC:
            return await self.event()
        event = alis.decode(message.data)
        match event:
            case alis.Reset():
                self.resets.append(event)
                self.shown = event.screen
            case alis.End():
                self.ended = True
            case alis.Event(kind="o"):
                self.shown += event.text
            case alis.Event(kind="m"):
                self.marks.append(event.text)
            case _:
                self.others.append(event)
        return event

    async def until_shown(self, text: str) -> None:
        """Read until the end of what is shown is `text`."""
        while not self.shown.endswith(text):
            assert await self.event() is not None, (self.websocket.close_code, self.shown[-200:], self.marks)

    async def until_marked(self, text: str) -> None:
        """Read until a marker contains `text`."""
        while not any(text in mark for mark in self.marks):
            assert await self.event() is not None, (self.websocket.close_code, self.marks)

    async def closed(self) -> int | None:
        """Read to the end; return the close code."""
        while await self.event() is not None:
            pass
        return self.websocket.close_code


async def open_stream(server: Server, session_id: str, token: str, **options: Any) -> aiohttp.ClientWebSocketResponse:
    """Open the stream of a session with a token, valid or not."""
    url = server.url_of(f"/v1/watch/{quote(session_id, safe='@+=,;~')}?token={token}")
    websocket: aiohttp.ClientWebSocketResponse = await server.http.ws_connect(url, **options)
    server.peers.append(Peer(websocket))  # closed with the test
    return websocket


async def watch(server: Server, session_id: str, credentials: Credentials | None = None) -> Viewer:
    """Watch a session; its screen has been read."""
    grant = await call(server, "WatchSession", credentials, SessionId=session_id)
    viewer = Viewer(await open_stream(server, session_id, grant["TokenValue"]))
    await viewer.event()
    return viewer
