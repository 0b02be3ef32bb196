"""The two ends of a session and the frames they send, byte for byte."""

import asyncio
import json
import os
import socket
import uuid
from typing import Any

import aiohttp
from aiohttp import WSMsgType

from ferryman.model.values.versions import AGENT_VERSION, CLIENT_VERSION
from ferryman.wire.agent_message import SYN_FIN, AgentMessage, MessageType, PayloadType, decode, encode
from ferryman.wire.payloads import AgentSessionState, encode_payload
from ferryman.wire.tasks import AgentTaskComplete
from tests.waiting import PATIENCE

AGENT = {"User-Agent": f"ferryman-agent/{AGENT_VERSION}"}
CLIENT = {"User-Agent": f"ferryman-session-manager-plugin/{CLIENT_VERSION}"}

_ENDS = (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING)


class Peer:
    """The far end of a channel: sends what it is told, valid or not."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket
        self.skipped: list[bytes] = []
        """Frames that `closed` read over."""

    async def text(self, content: dict[str, Any] | str) -> None:
        await self.websocket.send_str(content if isinstance(content, str) else json.dumps(content))

    async def send(self, frame: bytes) -> None:
        await self.websocket.send_bytes(frame)

    async def frame(self) -> bytes:
        """The next binary message as it came."""
        message = await self._next()
        assert message.type is WSMsgType.BINARY, message
        return bytes(message.data)

    async def _next(self) -> aiohttp.WSMessage:
        """The next message; heartbeats, which a slow test lives to see, are answered."""
        async with asyncio.timeout(PATIENCE):
            while (message := await self.websocket.receive()).type is WSMsgType.PING and not message.data:
                await self.websocket.pong()
        return message

    async def message(self) -> AgentMessage:
        return decode(await self.frame())

    async def until(self, message_type: MessageType) -> AgentMessage:
        """The next message of a type; others before it are dropped."""
        while True:
            message = await self.message()
            if message.message_type == message_type:
                return message

    async def closed(self) -> int | None:
        """Read to the end; return the close code."""
        async with asyncio.timeout(PATIENCE):
            while (message := await self.websocket.receive()).type not in _ENDS:
                if message.type is WSMsgType.BINARY:
                    self.skipped.append(message.data)
        return self.websocket.close_code

    async def close(self) -> None:
        await self.websocket.close()

    def cut(self) -> None:
        """Drop the connection without a word, as AWS's ends do."""
        transport = self.websocket.get_extra_info("socket")
        assert transport is not None
        with socket.socket(fileno=os.dup(transport.fileno())) as same:  # the loop's own refuses to be shut down
            same.shutdown(socket.SHUT_RDWR)

    def raw(self, content: bytes) -> None:
        """Send bytes as they are, WebSocket or not."""
        transport = self.websocket.get_extra_info("socket")
        assert transport is not None
        assert os.write(transport.fileno(), content) == len(content)

    async def answered(self) -> None:
        """Wait until the server has read everything sent so far: it answers a ping."""
        await self.websocket.ping(b"there?")
        message = await self._next()
        assert message.type is WSMsgType.PONG, message


def stream_frame(message_type: MessageType, sequence: int, payload: bytes = b"x") -> bytes:
    """A numbered frame, as either end sends it."""
    return encode(AgentMessage(message_type, sequence, 0, uuid.uuid4(), 1, PayloadType.OUTPUT, payload))


def plain_frame(message_type: str, payload: bytes = b"{}") -> bytes:
    """A frame outside the numbered streams."""
    return encode(AgentMessage(message_type, 0, SYN_FIN, uuid.uuid4(), 1, PayloadType.NONE, payload))


def output(sequence: int, payload: bytes = b"x") -> bytes:
    return stream_frame(MessageType.OUTPUT_STREAM_DATA, sequence, payload)


def exit_code(sequence: int, payload: bytes) -> bytes:
    message = AgentMessage(MessageType.OUTPUT_STREAM_DATA, sequence, 0, uuid.uuid4(), 1, PayloadType.EXIT_CODE, payload)
    return encode(message)


def typed(sequence: int, payload: bytes = b"x") -> bytes:
    return stream_frame(MessageType.INPUT_STREAM_DATA, sequence, payload)


def window_size(sequence: int, columns: int, rows: int) -> bytes:
    """The size of the client's terminal."""
    payload = json.dumps({"cols": columns, "rows": rows}).encode()
    return encode(AgentMessage(MessageType.INPUT_STREAM_DATA, sequence, 0, uuid.uuid4(), 1, PayloadType.SIZE, payload))


def acknowledge(sequence: int) -> bytes:
    return plain_frame(MessageType.ACKNOWLEDGE, json.dumps({"AcknowledgedMessageSequenceNumber": sequence}).encode())


def state(name: str, session_id: str, client_id: str | None = None) -> bytes:
    return plain_frame(
        MessageType.AGENT_SESSION_STATE, encode_payload(AgentSessionState(1, name, session_id, client_id))
    )


def task_complete(session_id: str, status: str = "Success", text: str = "") -> bytes:
    return plain_frame(
        MessageType.AGENT_TASK_COMPLETE,
        encode_payload(AgentTaskComplete(task_id=session_id, final_task_status=status, output=text)),
    )
