"""The relay beside a plain TCP splice: throughput by frame size, a keystroke beside a busy session, a stalled reader.

The real server runs in a process of its own, on uvloop, over SQLite. Both ends of every session are this process:
blocking sockets that send frames made beforehand and count what comes out, so that they cost as little as can be. The
splice is a process that receives into one buffer and sends from it, between sockets of the same kernel buffers.

What has a peer is counted by the clock, both alike. What has to reach a number by itself is counted by the processor
time of the process in the middle: what else the machine does would decide the result otherwise.
"""

import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers.raw_peers import (
    REGION,
    Node,
    call,
    masked,
    open_channel,
    read_message,
    register,
    stream_frame,
    upgrade,
)
from benchmarks.peers.tcp_splice import BLOCK, ROUNDS, Rate, rate, sending, splice_rate
from ferryman.core.documents.work import InProcessWorker
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, encode
from ferryman.wire.payloads import AgentSessionState, encode_payload

KEYSTROKES = 400
SEQUENCE_AT = 48


def run() -> list[Measurement]:
    """Measure; takes about half a minute."""
    splice: list[Rate] = []
    small: list[Rate] = []
    large: list[Rate] = []
    with ExitStack() as stack:
        server = stack.enter_context(running_server())
        grown = stalled_reader(server)
        for _ in range(ROUNDS):
            splice.append(splice_rate())
            large.append(relay_rate(server, 32 * 1024))
            small.append(relay_rate(server, 1024))
        quiet = keystroke(server)
        with busy_session(server, 32 * 1024):
            beside = keystroke(server)
    peer, at_32, at_1 = median(splice), median(large), median(small)
    of_a_core = "one core would do {:.0f}, the splice {:.0f}"
    frames = f"{at_1.per_core / (1024 + 124) * 1000:.0f} thousand frames a second; by the clock {at_1.by_the_clock:.0f}"
    return [
        Measurement(
            "relay, 32 KiB frames",
            at_32.by_the_clock,
            "MB/s",
            "TCP splice",
            peer.by_the_clock,
            Bar("ratio", at_least=0.45),
            of_a_core.format(at_32.per_core, peer.per_core),
        ),
        Measurement(
            "relay, 1 KiB frames, one core",
            at_1.per_core,
            "MB/s",
            "TCP splice",
            peer.per_core,
            Bar("value", at_least=200),
            frames,
        ),
        Measurement("keystroke through the relay and back, p50", quiet, "ms"),
        Measurement(
            "the same while another session saturates it", beside, "ms", "alone", quiet, Bar("value", at_most=2.5)
        ),
        Measurement("server memory taken by a stalled reader", grown, "MiB", bar=Bar("value", at_most=4)),
    ]


def median(rates: list[Rate]) -> Rate:
    return Rate(
        statistics.median(rate.per_core for rate in rates), statistics.median(rate.by_the_clock for rate in rates)
    )


# The relay


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; how to call it."""

    port: int
    process: psutil.Process
    administrator: Credentials
    node: Node


@dataclass(frozen=True, slots=True)
class Session:
    """Both ends of an open session."""

    session_id: str
    client: socket.socket
    agent: socket.socket

    def close(self) -> None:
        self.client.close()
        self.agent.close()


def relay_rate(server: Server, payload: int) -> Rate:
    """From agent to client, the frames' headers counted."""
    session = open_session(server)
    try:
        return rate(session.agent, session.client, frame_blocks(payload), server.process)
    finally:
        session.close()


@contextmanager
def busy_session(server: Server, payload: int) -> Iterator[None]:
    """A session through which as much as can be goes, until left."""
    session = open_session(server)
    buffer = memoryview(bytearray(1024 * 1024))

    def read() -> None:
        try:
            while session.client.recv_into(buffer):
                pass
        except OSError:
            return

    with sending(session.agent, frame_blocks(payload)):
        thread = threading.Thread(target=read)
        thread.start()
        try:
            yield
        finally:
            session.client.shutdown(socket.SHUT_RDWR)
            thread.join()
    session.close()


def keystroke(server: Server) -> float:
    """Milliseconds, p50, from a client's frame to the agent's echo of it."""
    session = open_session(server)
    for end in (session.client, session.agent):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    took = []
    for number in range(KEYSTROKES):
        began = time.perf_counter()
        session.client.sendall(masked(stream_frame(MessageType.INPUT_STREAM_DATA, number, b"k")))
        read_message(session.agent)
        session.agent.sendall(masked(stream_frame(MessageType.OUTPUT_STREAM_DATA, number, b"k")))
        read_message(session.client)
        took.append((time.perf_counter() - began) * 1000)
    session.close()
    return statistics.median(took)


def stalled_reader(server: Server) -> float:
    """MiB by which the server grows when an agent sends all it can and the client reads nothing."""
    session = open_session(server)
    before = server.process.memory_info().rss
    block = frame_blocks(32 * 1024)
    session.agent.settimeout(0.5)
    try:
        for _ in range(200):
            session.agent.sendall(block())
    except TimeoutError:
        pass
    after = server.process.memory_info().rss
    session.close()
    return max(0, after - before) / 1024 / 1024


def frame_blocks(payload: int) -> Callable[[], bytearray]:
    """Return a maker of blocks of output frames, masked with zeros, each with a sequence number of its own."""
    wire = masked(stream_frame(MessageType.OUTPUT_STREAM_DATA, 0, os.urandom(payload)))
    count = max(1, BLOCK // len(wire))
    block = bytearray(wire * count)
    offset = len(wire) - payload - 120 + SEQUENCE_AT
    pack = struct.Struct(">q").pack_into
    places = range(offset, len(block), len(wire))
    sent = 0

    def make() -> bytearray:
        nonlocal sent
        for number, place in enumerate(places, sent):
            pack(block, place, number)
        sent += count
        return block

    return make


# A server, a node, a session


@contextmanager
def running_server(*, recorded: bool = False) -> Iterator[Server]:
    """The real server in a process of its own, with one node; `recorded`: it records every session."""
    with tempfile.TemporaryDirectory() as directory:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sessions.relay", directory, *(["recorded"] if recorded else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            facts = json.loads(process.stdout.readline())
            administrator = Credentials(facts["access_key_id"], Secret(facts["secret_access_key"]))
            node = register(facts["port"], administrator)
            yield Server(facts["port"], psutil.Process(process.pid), administrator, node)
            node.control.close()
        finally:
            process.stdin.close()
            process.wait(30)
            process.stdout.close()


def open_session(server: Server) -> Session:
    """Start a session and open both its ends; the agent's is Connected when this returns."""
    port, node = server.port, server.node
    ticket = call(port, server.administrator, "StartSession", {"Target": node.node_id})
    session_id = ticket["SessionId"]
    client = upgrade(port, f"/v1/data-channel/{session_id}", {})
    opening = {
        "MessageSchemaVersion": "1.0",
        "RequestId": str(uuid.uuid4()),
        "TokenValue": ticket["TokenValue"],
        "ClientId": str(uuid.uuid4()),
    }
    client.sendall(masked(json.dumps(opening).encode(), 1))
    read_message(node.control)
    agent, agent_opening = open_channel(port, node.credentials, f"/v1/data-channel/{session_id}")
    agent_opening |= {"ClientInstanceId": node.node_id, "ClientId": ""}
    agent.sendall(masked(json.dumps(agent_opening).encode(), 1))
    read_message(agent)
    state = encode_payload(AgentSessionState(1, "Connected", session_id))
    frame = encode(AgentMessage(MessageType.AGENT_SESSION_STATE, 0, 3, uuid.uuid4(), 1, PayloadType.NONE, state))
    agent.sendall(masked(frame))
    return Session(session_id, client, agent)


def serve_until_closed(directory: Path, *, recorded: bool) -> None:
    """Be the server: print how to reach it, serve until standard input closes."""
    import asyncio

    import structlog
    import uvloop

    from ferryman.bus.memory import MemoryBus
    from ferryman.core.iam.operator import create_access_key, create_user
    from ferryman.core.ports.recordings.store import RecordingMode
    from ferryman.core.service import Service, Settings
    from ferryman.core.vault import Vault
    from ferryman.model.identifiers import Millis
    from ferryman.model.identity.callers import BuiltinRole
    from ferryman.recording.recorder import ServerRecorder
    from ferryman.recording.storage.directory import DirectoryStorage
    from ferryman.server.serving import serve
    from ferryman.store.database import open_store

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(0, stop.set)
        bus = MemoryBus()
        async with await open_store(f"sqlite:///{directory}/bench.db") as store:
            service = Service(
                Settings("123456789012", REGION, "http://127.0.0.1"),
                store,
                bus,
                Vault(os.urandom(32), os.urandom),
                lambda: Millis(time.time_ns() // 1_000_000),
                os.urandom,
                document_worker=InProcessWorker(),
            )
            await create_user(service, "bench", BuiltinRole.ADMINISTRATOR)
            key = await create_access_key(service, "bench")

            def ready(port: int) -> None:
                facts = {
                    "port": port,
                    "access_key_id": key.access_key_id,
                    "secret_access_key": key.secret_access_key.reveal(),
                }
                print(json.dumps(facts), flush=True)

            if recorded:
                recorder = ServerRecorder(service, DirectoryStorage(directory), RecordingMode.REQUIRED)
                service = replace(service, recorder=recorder)
                async with asyncio.TaskGroup() as group:
                    running = group.create_task(recorder.run())
                    await serve(service, "127.0.0.1", 0, ready=ready, stop=stop)
                    running.cancel()
                await recorder.close()
            else:
                await serve(service, "127.0.0.1", 0, ready=ready, stop=stop)
            await bus.close()

    uvloop.run(main())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        serve_until_closed(Path(sys.argv[1]), recorded="recorded" in sys.argv)
    else:
        for each in run():
            print(f"{each.name}: {each.value:.4g} {each.unit}, {each.peer or 'no peer'} {each.peer_value or ''}")
