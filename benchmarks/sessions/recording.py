"""Recording beside the same without it: the relay's throughput, keystrokes, memory, and the size of recordings.

The relay's two servers run side by side, and each figure alternates between them. Sizes are those of real programs'
output: `top` on a terminal, and a compiler's warnings.
"""

import os
import pty
import shutil
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from benchmarks.measurement import Bar, Measurement
from benchmarks.peers.raw_peers import masked, read_message, register, stream_frame
from benchmarks.sessions.relay import Server, busy_session, keystroke, open_session, relay_rate, running_server
from ferryman.recording.block_content import BlockContent
from ferryman.recording.blocks import BlockSealer
from ferryman.recording.events import EventKind, TranscriptPosition
from ferryman.recording.reader import RecordingReader
from ferryman.recording.storage.directory import DirectoryStorage
from ferryman.wire.agent_message import MessageType

ROUNDS = 5
SESSIONS = 200
DAY = 86_400
"""Seconds of the long recording, each with a block of its own."""
DAY_BYTES = 2_000_000_000
"""What the long recording shows."""
POSITIONS = 50
TOP_SECONDS = 30
SCREEN = b"\x1b[2J" + b"".join(b"\x1b[%d;1H%s" % (row, bytes(range(32, 112))) for row in range(1, 25))
MIB = 1024 * 1024


def run() -> list[Measurement]:
    """Measure; takes about four minutes."""
    plain_rates: list[float] = []
    recorded_rates: list[float] = []
    plain_echo: list[float] = []
    recorded_echo: list[float] = []
    with ExitStack() as stack:
        plain, recorded = stack.enter_context(running_server()), stack.enter_context(running_server(recorded=True))
        plain_memory, recorded_memory = session_memory(plain), session_memory(recorded)
        for _ in range(ROUNDS):
            plain_rates.append(relay_rate(plain, 32 * 1024).by_the_clock)
            recorded_rates.append(relay_rate(recorded, 32 * 1024).by_the_clock)
            for server, echo in ((plain, plain_echo), (recorded, recorded_echo)):
                with busy_session(server, 32 * 1024):
                    echo.append(keystroke(server))
    return [
        Measurement(
            "relay of 32 KiB frames while recording",
            statistics.median(recorded_rates),
            "MB/s",
            "not recording",
            statistics.median(plain_rates),
            Bar("ratio", at_least=0.85),
        ),
        Measurement(
            "keystroke beside a session that is recorded at full speed, p50",
            statistics.median(recorded_echo),
            "ms",
            "beside one that is not",
            statistics.median(plain_echo),
            Bar("ratio", at_most=1.5),
        ),
        Measurement(
            "server memory of a recorded session",
            recorded_memory,
            "MiB",
            "not recorded",
            plain_memory,
            Bar("value", at_most=1),
        ),
        Measurement(
            "play position found in a recording of 24 h and 2 GB, p95",
            seconds_to_seek() * 1000,
            "ms",
            bar=Bar("value", at_most=200),
        ),
        *(
            Measurement(f"recording of {name}", recorded_size(chunks) / MIB, "MiB", "shown", size / MIB, bar)
            for name, chunks, bar in (
                ("a compiler's log", compiler_log(), Bar("ratio", at_most=0.25)),
                ("top", top(), Bar("ratio", at_most=0.1)),
            )
            if (size := sum(map(len, chunks)))
        ),
    ]


def session_memory(server: Server) -> float:
    """MiB of the server for each of SESSIONS sessions, the most of a person on a node, that have shown a screen."""
    node = register(server.port, server.administrator)
    before = server.process.memory_info().rss
    sessions = [open_session(replace(server, node=node)) for _ in range(SESSIONS)]
    screen = masked(stream_frame(MessageType.OUTPUT_STREAM_DATA, 0, SCREEN))
    for session in sessions:
        session.agent.sendall(screen)
        read_message(session.client)
    time.sleep(2)
    after = server.process.memory_info().rss
    for session in sessions:
        session.close()
    node.control.close()
    return (after - before) / MIB / SESSIONS


def recorded_size(chunks: list[bytes]) -> int:
    """Bytes of the blocks of a session that showed one chunk a second."""
    sealer = BlockSealer("bench", bytes(32), os.urandom)
    total = 0
    for second, chunk in enumerate(chunks):
        total += len(sealer.seal(block(second, chunk), second * 1000, second * 1000))
        sealer.written()
    return total


def block(second: int, chunk: bytes) -> bytes:
    """The content of a block of one second."""
    content = BlockContent()
    for start in range(0, len(chunk), 1024):
        content.add(second * 1000, EventKind.OUTPUT, chunk[start : start + 1024])
    content.close(TranscriptPosition())
    return bytes(content.content())


def seconds_to_seek() -> float:
    """Seconds, p95, until the events at some moment of a day are read."""
    log, size = b"".join(compiler_log()) or os.urandom(DAY_BYTES // DAY), DAY_BYTES // DAY
    with tempfile.TemporaryDirectory() as directory:
        storage, sealer = DirectoryStorage(Path(directory)), BlockSealer("bench", bytes(32), os.urandom)
        for second in range(DAY):
            at = second * 1000
            start = second * 997 % (len(log) - size + 1)
            storage.append("bench", sealer.seal(block(second, log[start : start + size]), at, at))
            sealer.written()
        storage.release("bench")
        reader = RecordingReader(storage, "bench", bytes(32))
        took = []
        for number in range(POSITIONS):
            at = number * DAY * 1000 // POSITIONS
            began = time.perf_counter()
            _, events = next(reader.blocks(None, at))
            took.append(time.perf_counter() - began)
            assert events[0].at == at
    return statistics.quantiles(took, n=20)[-1]


def top() -> list[bytes]:
    """What `top` shows each second on a terminal; nothing where it is not installed."""
    if shutil.which("top") is None:
        return []
    pid, terminal = pty.fork()
    if not pid:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"}
        os.execvp("top", ["top", "-d", "1", "-n", str(TOP_SECONDS)])  # noqa: S606
    chunks: list[bytes] = []
    second = time.monotonic()
    chunk = b""
    while True:
        try:
            chunk += os.read(terminal, 65536)
        except OSError:
            break
        if time.monotonic() - second >= 1:
            second = time.monotonic()
            chunks.append(chunk)
            chunk = b""
    os.waitpid(pid, 0)
    os.close(terminal)
    return [*chunks, chunk] if chunk else chunks


def compiler_log() -> list[bytes]:
    """What gcc says about a file with many faults, 16 KiB a second; nothing where it is not installed."""
    if shutil.which("gcc") is None:
        return []
    functions = (
        f"int f{number}(int a, char *b) {{ int unused_{number}; long c = a + {number}; if (a = c) return b; return; }}"
        for number in range(400)
    )
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "faulty.c"
        source.write_text("\n".join(functions))
        command = [
            "gcc",
            "-Wall",
            "-Wextra",
            "-fdiagnostics-color=always",
            "-fpermissive",
            "-c",
            str(source),
            "-o",
            os.devnull,
        ]
        log = subprocess.run(command, stderr=subprocess.PIPE, check=False).stderr
    return [log[start : start + 16 * 1024] for start in range(0, len(log), 16 * 1024)]
