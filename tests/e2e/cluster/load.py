"""Sessions that are busy while servers come and go: people who type, forwards and copies, each of which checks itself.

`python -m tests.e2e.cluster.load typing|forwards|copies NODE COUNT [DOCUMENT]` starts so many, prints `ready`, runs
until its standard input ends, and prints a `Report` as JSON. DOCUMENT is that of every second person's session.
People, forwards and copies run in processes of their own, so that what is measured of the first does not include how
busy the others keep their process.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import IO

from ferryman.channel.events import OutputReceived, SessionStarted
from ferryman.client.api import Node
from ferryman.client.calls.api import Connection
from ferryman.client.library.client import Client, open_client
from ferryman.client.session.far_end import FarEnd
from ferryman.wire.agent_message import PayloadType

KEY_SECONDS = 0.2
"""Between two keystrokes of one person: somebody who types fast."""
KEYS = b"abcdefghijklmnopqrstuvwxyz0123456789"
QUIET = b"stty -icanon; echo ready-$((40+2)); exec cat > /dev/null\n"
READY = b"ready-42\r\n"
"""The far terminal's own echo is what comes back; nothing reads a line, so no line grows too long."""
STARTED_TOGETHER = 4
FORWARDED_BYTES = 16 * 1024
FORWARD_SECONDS = 0.1
COPIED_BYTES = 4 * 1024 * 1024
COPY_SECONDS = 0.5
"""Between two pairs of copies, so that copies alone do not keep a small machine busy."""
RECONNECT_SECONDS = 120.0


@dataclass
class Report:
    """What became of the load. `faults` are sentences about bytes or keystrokes that were lost, doubled or changed."""

    handled: int = 0
    """Keystrokes that came back, bytes that did, or files that were copied."""
    longest_gap: float = 0.0
    """Seconds that the slowest keystroke, or piece of a forward, took until it was back."""
    delays: list[float] = field(default_factory=list)
    """Those of every keystroke, sorted; only of people who type."""
    slowest: list[tuple[float, float, str]] = field(default_factory=list)
    """The ten slowest keystrokes of different people: seconds, when it was typed (Unix time), and the session's id."""
    faults: list[str] = field(default_factory=list)


class Load:
    """One kind of load in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def until_ready(self) -> None:
        """Wait until everything has started."""
        line = self._output.readline()
        assert line == "ready\n", (line, self._process.wait())

    def stop(self) -> Report:
        """End it and return what it found."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        text = self._output.read()
        assert self._process.wait() == 0, text
        return Report(**json.loads(text))


@contextmanager
def running(kind: str, node_id: str, count: int, environment: Mapping[str, str], document: str = "") -> Iterator[Load]:
    """Run a load until it is stopped, or the context ends."""
    command = [sys.executable, "-m", "tests.e2e.cluster.load", kind, node_id, str(count), document]
    process = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[3],
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Load(process)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for each in (process.stdin, process.stdout):
            if each is not None:
                each.close()


class Person:
    """Types into a shell. Every key must come back once, in order."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.fault = ""
        self.session_id = ""
        self.slowest = 0.0
        self.slowest_at = 0.0
        self._far_end: FarEnd | None = None
        self._seen = b""
        self._ready = asyncio.Event()
        self._started = asyncio.Event()
        self._typed: deque[tuple[int, float]] = deque()
        self._all_back = asyncio.Event()

    def on_started(self, _: SessionStarted, far_end: FarEnd) -> None:
        """Note that the shell is there."""
        self._far_end = far_end
        self._started.set()

    def on_output(self, event: OutputReceived) -> None:
        """Compare what comes back with what was typed."""
        assert self._far_end is not None
        self._far_end.consumed(event.sequence_number)
        if event.payload_type != PayloadType.OUTPUT:
            return
        if not self._ready.is_set():
            self._seen += event.payload
            if READY in self._seen:
                self._ready.set()
            return
        for key in event.payload:
            self._came_back(key)

    def flush(self) -> None:
        """Do nothing: a key always has room."""

    def on_ended(self) -> None:
        """Note an end that nobody asked for."""
        self.fault = self.fault or "the session ended"
        self._all_back.set()

    async def until_ready(self) -> None:
        """Have the shell echo keys, and nothing else."""
        await self._started.wait()
        assert self._far_end is not None
        self._far_end.send(PayloadType.OUTPUT, QUIET)
        await self._ready.wait()

    async def type(self, stop: asyncio.Event) -> None:
        """Type until told to stop, then wait for what has not come back."""
        assert self._far_end is not None
        for key in cycle(KEYS):
            if stop.is_set() or self.fault:
                break
            self._typed.append((key, time.monotonic()))
            self._all_back.clear()
            self._far_end.send(PayloadType.OUTPUT, bytes([key]))
            await asyncio.sleep(KEY_SECONDS)
        if self._typed and not self.fault:
            await asyncio.wait_for(self._all_back.wait(), RECONNECT_SECONDS)

    def _came_back(self, key: int) -> None:
        if not self._typed:
            self.fault = self.fault or f"{chr(key)} came, and nothing was typed"
            return
        typed, at = self._typed.popleft()
        delay = time.monotonic() - at
        self.delays.append(delay)
        if delay > self.slowest:
            self.slowest, self.slowest_at = delay, time.time() - delay
        if key != typed:
            self.fault = self.fault or f"{chr(typed)} was typed, {chr(key)} came back"
        if not self._typed:
            self._all_back.set()


async def _type(client: Client, node: Node, count: int, document: str, stop: asyncio.Event) -> Report:
    people = [Person() for _ in range(count)]
    places = asyncio.Semaphore(STARTED_TOGETHER)
    async with AsyncExitStack() as stack:

        async def start(person: Person, document: str) -> None:
            async with places:
                session = await client.start(node.id, document, {}, person)
                stack.push_async_callback(session.close)
                stack.push_async_callback(client.service.terminate, session.session_id)  # a shell ends by the call only
                person.session_id = session.session_id
                await person.until_ready()

        await asyncio.gather(*(start(each, document if number % 2 else "") for number, each in enumerate(people)))
        print("ready", flush=True)
        await asyncio.gather(*(each.type(stop) for each in people))
        faults = [each.fault for each in people if each.fault]
    delays = sorted(each for person in people for each in person.delays)
    slowest = sorted(((each.slowest, each.slowest_at, each.session_id) for each in people), reverse=True)[:10]
    return Report(len(delays), delays[-1], delays, slowest, faults)


async def _forward(node: Node, count: int, stop: asyncio.Event) -> Report:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 18):
            writer.write(data)
            await writer.drain()
        writer.close()

    report = Report()

    async def use(host: str, port: int) -> None:
        reader, writer = await asyncio.open_connection(host, port)
        while not stop.is_set():
            sent, began = os.urandom(FORWARDED_BYTES), time.monotonic()
            writer.write(sent)
            if await reader.readexactly(len(sent)) != sent:
                report.faults.append("a forward changed what it carried")
                return
            report.handled += len(sent)
            report.longest_gap = max(report.longest_gap, time.monotonic() - began)
            await asyncio.sleep(FORWARD_SECONDS)
        writer.write_eof()
        if await reader.read():
            report.faults.append("a forward doubled what it carried")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server, AsyncExitStack() as stack:
        port = server.sockets[0].getsockname()[1]
        addresses = [(await stack.enter_async_context(node.forward(port))).address for _ in range(count)]
        print("ready", flush=True)
        for done in await asyncio.gather(*(use(*each) for each in addresses), return_exceptions=True):
            if done is not None:
                report.faults.append(f"a forward was lost: {done!r}")
    return report


async def _copy(node: Node, count: int, stop: asyncio.Event) -> Report:
    report = Report()

    async def copy(directory: Path, until: Callable[[], bool]) -> None:
        source, there, back = (directory / each for each in ("source", "there", "back"))
        while not until():
            content = os.urandom(COPIED_BYTES)
            source.write_bytes(content)
            await node.copy(source, node.path(str(there)))
            await node.copy(node.path(str(there)), back)
            if back.read_bytes() != content:
                report.faults.append("a copy differs from what was copied")
            report.handled += 2
            there.unlink()
            back.unlink()
            await asyncio.sleep(COPY_SECONDS)

    with tempfile.TemporaryDirectory() as directory:
        folders = [Path(directory) / str(number) for number in range(count)]
        for each in folders:
            each.mkdir()
        await copy(folders[0], lambda: report.handled > 0)  # from now on the client waits for the node if need be
        print("ready", flush=True)
        for done in await asyncio.gather(*(copy(each, stop.is_set) for each in folders), return_exceptions=True):
            if done is not None:
                report.faults.append(f"a copy failed: {done!r}")
    return report


@asynccontextmanager
async def _told_to_stop() -> AsyncIterator[asyncio.Event]:
    """Yield an event that is set when standard input ends."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            stop.set()

    loop.add_reader(sys.stdin.fileno(), read)
    try:
        yield stop
    finally:
        loop.remove_reader(sys.stdin.fileno())


async def _main(kind: str, node_id: str, count: int, document: str = "") -> None:
    async with open_client(Connection(None, None, None), RECONNECT_SECONDS) as client, _told_to_stop() as stop:
        (target,) = await client.find([node_id])
        node = Node(client, target)
        if kind == "typing":
            report = await _type(client, node, count, document, stop)
        else:
            report = await {"forwards": _forward, "copies": _copy}[kind](node, count, stop)
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]))
