"""One multiplexed stream from end to end: client, server and agent in three processes, beside a TCP splice.

Both ends run what port forwarding runs between a local socket and the network: smux, the data channel's engine with
SHA-256 made and checked, the pump on aiohttp and uvloop. Bytes come from memory and are counted where they arrive.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

import psutil

from benchmarks.measurement import Measurement
from benchmarks.peers.raw_peers import call, create_channel, read_message
from benchmarks.peers.tcp_splice import processor_seconds, splice_rate
from benchmarks.sessions.relay import Server, running_server
from ferryman.channel.agent import AgentChannel
from ferryman.channel.client import ClientChannel
from ferryman.channel.events import AgentEvent, ClientEvent, ClientReady, InputReceived, OutputReceived, SessionStarted
from ferryman.channel.mux.events import StreamData, StreamOpened
from ferryman.channel.mux.session import MuxSession, Role
from ferryman.transport.pump import Engine, Pump
from ferryman.transport.websocket import dial
from ferryman.wire.agent_message import PayloadType

ROUNDS = 3
SECONDS = 2.0
WARM_UP = 0.5
BLOCK = os.urandom(256 * 1024)


def run() -> list[Measurement]:
    """Measure; takes about half a minute."""
    rates: dict[str, list[Rate]] = {"up": [], "down": []}
    splice = []
    with running_server() as server:
        for _ in range(ROUNDS):
            splice.append(splice_rate().by_the_clock)
            for direction, found in rates.items():
                found.append(stream_rate(server, direction))
    peer = statistics.median(splice)
    return [measurement(direction, found, peer) for direction, found in rates.items()]


def measurement(direction: str, found: "list[Rate]", splice: float) -> Measurement:
    way = {"up": "client to agent", "down": "agent to client"}[direction]
    median = sorted(found, key=lambda rate: rate.megabytes)[len(found) // 2]
    note = ", ".join(f"{name} {share:.0%}" for name, share in median.busy.items())
    return Measurement(f"stream, {way}", median.megabytes, "MB/s", "TCP splice", splice, note=f"of a core: {note}")


class Rate:
    """Megabytes a second, and how busy each process was, of one core."""

    def __init__(self, megabytes: float, busy: dict[str, float]) -> None:
        self.megabytes = megabytes
        self.busy = busy


def stream_rate(server: Server, direction: str) -> Rate:
    client, agent = open_ends(server, direction)
    processes = {"client": psutil.Process(client.pid), "server": server.process, "agent": psutil.Process(agent.pid)}
    receiver = agent if direction == "up" else client
    try:
        assert receiver.stdout is not None
        assert receiver.stdout.readline() == "warm\n"
        before = {name: processor_seconds(process) for name, process in processes.items()}
        counted = json.loads(receiver.stdout.readline())
        busy = {name: (processor_seconds(each) - before[name]) / counted["seconds"] for name, each in processes.items()}
        return Rate(counted["bytes"] / counted["seconds"] / 1e6, busy)
    finally:
        for process in (client, agent):
            process.kill()
            process.communicate()


def open_ends(server: Server, direction: str) -> "tuple[subprocess.Popen[str], subprocess.Popen[str]]":
    """Start a session, and a process for each of its ends."""
    node = server.node
    ticket = call(
        server.port,
        server.administrator,
        "StartSession",
        {"Target": node.node_id, "DocumentName": "AWS-StartSSHSession"},
    )
    path = f"/v1/data-channel/{ticket['SessionId']}"
    opening = {
        "MessageSchemaVersion": "1.0",
        "RequestId": str(uuid.uuid4()),
        "TokenValue": ticket["TokenValue"],
        "ClientId": str(uuid.uuid4()),
    }
    client = start_end(server, "client", path, {}, opening, sends=direction == "up")
    read_message(node.control)
    signed, opening = create_channel(server.port, node.credentials, path)
    opening |= {"ClientInstanceId": node.node_id, "ClientId": "", "Ferryman": 1}
    return client, start_end(server, "agent", path, signed, opening, sends=direction == "down")


def start_end(
    server: Server, role: str, path: str, headers: dict[str, str], opening: dict[str, Any], *, sends: bool
) -> "subprocess.Popen[str]":
    facts = {"url": f"ws://127.0.0.1:{server.port}{path}", "headers": headers, "opening": opening, "sends": sends}
    command = [sys.executable, "-m", "benchmarks.sessions.stream", role, json.dumps(facts)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


# One end, in a process of its own


class End:
    """An engine, its smux session, and one stream that is written as full or read as fast as it goes."""

    def __init__(self, role: str, *, sends: bool) -> None:
        self.engine: ClientChannel | AgentChannel
        if role == "client":
            self.engine = ClientChannel(entropy=os.urandom, wall_clock_ms=wall_clock_ms)
        else:
            self.engine = AgentChannel(
                session_id="bench", session_type="Port", properties={}, entropy=os.urandom, wall_clock_ms=wall_clock_ms
            )
        self.role = role
        self.sends = sends
        self.mux: MuxSession | None = None
        self.stream_id: int | None = None
        self.payload = 0
        self.received = 0
        self.flowing = asyncio.Event()

    def on_events(self, events: Sequence[ClientEvent | AgentEvent]) -> None:
        now = time.monotonic()
        for event in events:
            match event:
                case OutputReceived() | InputReceived():
                    assert self.mux is not None
                    self.mux.receive(event.payload)
                    self.read(self.mux)
                    self.engine.acknowledge(event.sequence_number, now)
                case SessionStarted() | ClientReady():
                    self.payload = event.agreed.max_payload
                    role = Role.CLIENT if self.role == "client" else Role.SERVER
                    self.mux = MuxSession(role, event.mux, 65528 if event.mux == 2 else 32768)
                    if self.role == "client":
                        self.stream_id = self.mux.open()
                case _:
                    pass
        if self.mux is not None:
            self.write(self.mux, now)

    def read(self, mux: MuxSession) -> None:
        for event in mux.events():
            if isinstance(event, StreamData):
                self.received += len(event.data)
                self.flowing.set()
                mux.consumed(event.stream_id, len(event.data))
            elif isinstance(event, StreamOpened):
                self.stream_id = event.stream_id

    def write(self, mux: MuxSession, now: float) -> None:
        while self.engine.capacity() >= self.payload:
            if self.sends and self.stream_id is not None and mux.writable(self.stream_id):
                mux.write(self.stream_id, BLOCK)
            data = mux.data_to_send(self.payload)
            if not data:
                return
            self.engine.send(PayloadType.OUTPUT, data, now)


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


async def run_end(role: str, facts: dict[str, Any]) -> None:
    import aiohttp

    end = End(role, sends=facts["sends"])
    async with aiohttp.ClientSession() as session:
        websocket = await dial(session, facts["url"], facts["headers"])
        await websocket.send(json.dumps(facts["opening"]))
        engine: Engine[ClientEvent | AgentEvent] = end.engine
        pump = Pump(engine, end.on_events)
        pumping = asyncio.create_task(pump.run(websocket))
        if not end.sends:
            await count(end)
        raise SystemExit(str(await pumping))


async def count(end: End) -> None:
    await end.flowing.wait()
    await asyncio.sleep(WARM_UP)
    print("warm", flush=True)
    began, before = time.perf_counter(), end.received
    await asyncio.sleep(SECONDS)
    print(json.dumps({"bytes": end.received - before, "seconds": time.perf_counter() - began}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        import uvloop

        uvloop.run(run_end(sys.argv[1], json.loads(sys.argv[2])))
    else:
        for each in run():
            print(f"{each.name}: {each.value:.4g} {each.unit}, {each.peer} {each.peer_value:.4g}; {each.note}")
