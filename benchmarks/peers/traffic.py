"""Bulk traffic for benchmarks: a far service, flows to and from it, and a relay that adds delay; plain TCP.

Service and relay are processes of their own: `python -m benchmarks.peers.traffic service` and `… delay PORT SECONDS`.
Both print their port. The first byte of a connection says what the service does with it: `U` reads for ever, `D` sends
for ever, `C` answers with how much all `U` have read, a line of decimal text.
"""

import os
import queue
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Literal

BLOCK = 256 * 1024
LIMIT = 20.0
IN_FLIGHT = 4096
"""Chunks on their way through the delaying relay, each way: more than any window here."""

Direction = Literal["up", "down"]


# What benchmarks use


@contextmanager
def service() -> Iterator[int]:
    """The far service's port."""
    with _process("service") as port:
        yield port


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """A port that leads to `port`, each byte `seconds` later, in both directions."""
    with _process("delay", str(port), str(seconds)) as relay:
        yield relay


@contextmanager
def flow(port: int, direction: Direction) -> Iterator[socket.socket]:
    """A connection through a forwarded port on which the service reads, or sends, for ever; ours to drive."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
        connection.sendall(b"U" if direction == "up" else b"D")
        yield connection


@contextmanager
def bulk(port: int, direction: Direction) -> Iterator[None]:
    """A flow as fast as it goes, driven by a thread until left."""
    with flow(port, direction) as connection:
        thread = threading.Thread(target=_send if direction == "up" else _drain, args=(connection,))
        thread.start()
        try:
            yield
        finally:
            # Closing alone does not wake a thread that waits in the kernel.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def read_by_service(port: int) -> int:
    """Bytes that the service's `U` connections have read; ask the service itself, not through a forward."""
    with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
        connection.sendall(b"C")
        return int(connection.makefile().readline())


def read_each(port: int, streams: int, warm_up: float, seconds: float) -> list[int]:
    """Bytes that arrived on each of so many `D` flows at once, within `seconds` after the warm-up."""
    counts = [0] * streams
    buffer = memoryview(bytearray(BLOCK))
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for number in range(streams):
            connection = stack.enter_context(flow(port, "down"))
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ, number)
        for duration in (warm_up, seconds):
            counts = [0] * streams
            until = time.perf_counter() + duration
            while (left := until - time.perf_counter()) > 0:
                for key, _ in selector.select(left):
                    counts[key.data] += key.fileobj.recv_into(buffer)  # type: ignore[union-attr] # only sockets are there
    return counts


@contextmanager
def _process(*arguments: str) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.peers.traffic", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


# The service


class Service:
    """Threads, one a connection; the kernel's part of the work runs without the interpreter's lock."""

    def __init__(self) -> None:
        self.read: dict[int, int] = {}

    def serve(self, connection: socket.socket, number: int) -> None:
        with connection, suppress(OSError):
            match connection.recv(1):
                case b"U":
                    self._read_all(connection, number)
                case b"D":
                    _send(connection)
                case b"C":
                    connection.sendall(f"{sum(self.read.copy().values())}\n".encode())

    def _read_all(self, connection: socket.socket, number: int) -> None:
        self.read[number] = 0
        buffer = memoryview(bytearray(BLOCK))
        while size := connection.recv_into(buffer):
            self.read[number] += size


def _send(connection: socket.socket) -> None:
    block = os.urandom(BLOCK)
    with suppress(OSError):  # it is cut off in the middle of a block, which is how every run ends
        while True:
            connection.sendall(block)


def _drain(connection: socket.socket) -> None:
    buffer = memoryview(bytearray(BLOCK))
    with suppress(OSError):
        while connection.recv_into(buffer):
            pass


# The delaying relay


def _relay(near: socket.socket, port: int, seconds: float) -> None:
    far = socket.create_connection(("127.0.0.1", port))
    for source, sink in ((near, far), (far, near)):
        sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line: queue.Queue[tuple[float, bytes]] = queue.Queue(IN_FLIGHT)
        threading.Thread(target=_take, args=(source, line, seconds), daemon=True).start()
        threading.Thread(target=_give, args=(sink, line), daemon=True).start()


def _take(source: socket.socket, line: "queue.Queue[tuple[float, bytes]]", seconds: float) -> None:
    data = b"-"
    while data:
        try:
            data = source.recv(BLOCK)
        except OSError:
            data = b""
        line.put((time.monotonic() + seconds, data))


def _give(sink: socket.socket, line: "queue.Queue[tuple[float, bytes]]") -> None:
    with suppress(OSError):
        while True:
            due, data = line.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)


def _main(what: str, *arguments: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    serving = Service()
    number = 0
    while True:
        connection, _ = listener.accept()
        number += 1
        if what == "service":
            threading.Thread(target=serving.serve, args=(connection, number), daemon=True).start()
        else:
            _relay(connection, int(arguments[0]), float(arguments[1]))


if __name__ == "__main__":
    _main(*sys.argv[1:])
