"""Sessions of AWS's agent and a client as they were recorded, with the ids of the session that is played."""

import asyncio
import json
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType

from ferryman.wire.agent_message import AgentMessage, MessageType, decode, encode
from ferryman.wire.payloads import decode_payload
from ferryman.wire.tasks import AgentTaskAcknowledge, InteractiveShell
from tests.server.peers import Peer
from tests.server.running import Server
from tests.waiting import PATIENCE

VECTORS = Path(__file__).parents[1] / "vectors"
RECORDED_NODE = "mi-0123456789abcdef0"
UP, DOWN = "client->server->agent (data)", "agent->server->client (data)"
STARTS: dict[str, dict[str, Any]] = {
    "Standard_Stream": {},
    "NonInteractiveCommands": {
        "DocumentName": "AWS-StartNonInteractiveCommand",
        "Parameters": {"command": ["sh -c 'exit 3'"], "separateOutputStream": ["true"]},
    },
    "Port": {"DocumentName": "AWS-StartPortForwardingSession", "Parameters": {"portNumber": ["8080"]}},
}


@cache
def recordings() -> dict[str, list[dict[str, Any]]]:
    """The recorded sessions by name."""
    return dict(json.loads((VECTORS / "agent_captures.json").read_text())["sessions"])


@dataclass
class Recording:
    """One session's events, with the ids of the session that is played."""

    events: list[dict[str, Any]]
    node_id: str
    session_id: str

    @property
    def task(self) -> dict[str, Any]:
        """The Content of the recorded task."""
        (task,) = [event["message"] for event in self.events if event["name"] == "interactive_shell"]
        return dict(json.loads(task["Payload(JSON)"]["Content"]))

    def play(self, recorded: str) -> str:
        """Recorded text with the ids that are true now."""
        return recorded.replace(RECORDED_NODE, self.node_id).replace(self.task["SessionId"], self.session_id)

    def frame(self, event: dict[str, Any]) -> bytes:
        """A recorded message as bytes: those that were recorded, where they name no session."""
        message = event["message"]
        recorded = bytes.fromhex(event.get("raw_hex", ""))
        if recorded and self.task["SessionId"].encode() not in recorded:
            return recorded
        if "Payload(JSON)" in message:
            payload = self.play(json.dumps(message["Payload(JSON)"], separators=(",", ":")))
        else:
            payload = message["Payload(text)"]
        return encode(
            AgentMessage(
                MessageType(message["MessageType"]),
                message["SequenceNumber"],
                message["Flags"],
                uuid.UUID(message["MessageId"]),
                message["CreatedDate"],
                message["PayloadType"],
                payload.encode(),
            )
        )

    def opening(self, direction: str, token: str) -> str:
        """What an end opened its data channel with."""
        (event,) = [e for e in self.events if e["kind"] == "ws_text" and e["direction"] == direction]
        return self.play(json.dumps(event["data"] | {"TokenValue": token}))

    def passing(self) -> list[dict[str, Any]]:
        """The messages between the two ends, in order; what came when the agent had gone is not among them."""
        return [event for event in self.events[: self.end] if event.get("direction") in (UP, DOWN)]

    @property
    def end(self) -> int:
        """Where the session's end begins: the agent says that it is done, or goes, or is told to."""
        for index, event in enumerate(self.events):
            message = event.get("message", {})
            if message.get("Payload(JSON)", {}).get("SessionState") == "Terminating":
                return index
            if event["name"] in ("channel_closed", "agent_task_complete", "agent data channel socket closed"):
                return index
        raise LookupError("the recording has no end")


@dataclass
class Stage:
    """The peers of a recording, up to the agent's report that it is Connected."""

    server: Server
    recording: Recording
    control: Peer
    client: Peer
    agent: Peer

    @classmethod
    async def set(cls, server: Server, name: str) -> "Stage":
        """Play the beginning of a recording."""
        recording = Recording(recordings()[name], "", "")
        node = await server.register()
        control = await node.control(version="3.3.0.0")
        kind = recording.task["DocumentContent"]["sessionType"]
        ticket = await server.call("start_session", Target=node.node_id, **STARTS[kind])
        recording = Recording(recording.events, node.node_id, ticket["SessionId"])
        client = await server.dial(f"/v1/data-channel/{ticket['SessionId']}?role=publish_subscribe")
        await client.text(recording.opening("client->server (data)", ticket["TokenValue"]))
        task = await control.until(MessageType.INTERACTIVE_SHELL)
        content = json.loads(decode_payload(task.payload, InteractiveShell).content)
        assert content["DocumentContent"]["sessionType"] == kind
        assert content["SessionId"] == ticket["SessionId"]
        assert set(recording.task) - set(content) <= {"RunAsUser"}
        agent = await node.upgrade("data", ticket["SessionId"])
        token = await node.create_channel("data", ticket["SessionId"])
        await agent.text(recording.opening("agent->server (data)", token))
        await agent.until(MessageType.START_PUBLICATION)
        connected = next(e for e in recording.events if e["name"].startswith("agent_session_state"))
        await agent.send(recording.frame(connected))
        return cls(server, recording, control, client, agent)

    async def in_step(self) -> None:
        """Each message waits until the one before has arrived."""
        for event in self.recording.passing():
            sender, receiver = (self.client, self.agent) if event["direction"] == UP else (self.agent, self.client)
            frame = self.recording.frame(event)
            await sender.send(frame)
            assert await receiver.frame() == frame

    async def at_once(self, *, times: int = 1) -> None:
        """Both ends send all that they have to say, once or several times."""
        up, down = self._frames(UP), self._frames(DOWN)
        arrived = await asyncio.gather(
            arriving(self.agent, up), arriving(self.client, down), sending(self.client, up * times),
            sending(self.agent, [frame for frame in down for _ in range(times)]),
        )  # fmt: skip
        assert arrived[0] == up
        assert arrived[1] == down

    async def backwards(self) -> None:
        """The agent's last message comes first, then the client's last does."""
        for sender, receiver, way in ((self.agent, self.client, DOWN), (self.client, self.agent, UP)):
            frames = self._frames(way)[::-1]
            await sending(sender, frames)
            assert await arriving(receiver, frames) == frames

    def _frames(self, way: str) -> list[bytes]:
        passing = self.recording.passing()
        return [self.recording.frame(event) for event in passing if event["direction"] == way]

    async def finish(self) -> None:
        """Play the end as it was, every message of the agent's answered."""
        sent: AgentMessage | None = None
        for event in self.recording.events[self.recording.end :]:
            direction, name = event.get("direction", ""), event["name"]
            if name == "channel_closed":
                await self.server.call("terminate_session", SessionId=self.recording.session_id)
                await self.agent.until(MessageType.CHANNEL_CLOSED)
            elif name == "agent data channel socket closed":
                await self.agent.close()
            elif name == "client data channel socket closed":
                assert await self.client.closed() == 1000
                assert MessageType.CHANNEL_CLOSED in [decode(frame).message_type for frame in self.client.skipped]
            elif name == "agent_task_acknowledge":
                told = await self.control.until(MessageType.AGENT_TASK_ACKNOWLEDGE)
                assert sent is not None
                receipt = decode_payload(told.payload, AgentTaskAcknowledge)
                assert receipt.message_id == str(sent.message_id)
            elif direction.startswith("agent->server (control)"):
                frame = self.recording.frame(event)
                sent = decode(frame)
                await self.control.send(frame)
            elif direction.startswith("agent->server"):
                await self.agent.send(self.recording.frame(event))
            else:  # a client's last acknowledgement, on its way when the agent went
                await self.client.send(self.recording.frame(event))


async def sending(peer: Peer, frames: list[bytes]) -> list[bytes]:
    for frame in frames:
        await peer.send(frame)
    return frames


async def arriving(peer: Peer, frames: list[bytes]) -> list[bytes]:
    """Those of `frames` that come, each the first time, until all have; pings are answered, as real ends do."""
    wanted, came = set(frames), dict[bytes, None]()
    async with asyncio.timeout(PATIENCE):
        while set(came) != wanted:
            message = await peer.websocket.receive()
            if message.type is WSMsgType.PING:
                await peer.websocket.pong(message.data)
                continue
            assert message.type is WSMsgType.BINARY, message
            if message.data in wanted:
                came.setdefault(message.data)
            else:  # the server makes up for an acknowledgement that the agent seems to have missed
                assert decode(message.data).message_type == MessageType.ACKNOWLEDGE
    return list(came)
