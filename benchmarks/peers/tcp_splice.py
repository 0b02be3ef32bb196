"""A TCP splice, what the relay is compared with, and how rates are measured."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

ROUNDS = 5
SECONDS = 1.0
WARM_UP = 0.3
BLOCK = 512 * 1024
"""Bytes of frames sent with one call."""
BUFFER = 128 * 1024
"""The splice's kernel buffers, those of the server."""


@dataclass(frozen=True, slots=True)
class Rate:
    """MB/s by the relaying process's processor time, which is what one core does, and by the clock on the wall."""

    per_core: float
    by_the_clock: float


# The peer


def splice_rate() -> Rate:
    """Through a process that copies from one socket to another."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SPLICE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        with socket.create_connection(("127.0.0.1", port)) as source:
            assert process.stdout.readline()
            with socket.create_connection(("127.0.0.1", port)) as sink:
                block = os.urandom(BLOCK)
                return rate(source, sink, lambda: block, psutil.Process(process.pid))
    finally:
        process.kill()
        process.communicate()


_SPLICE = f"""
import socket
listener = socket.socket()
for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
    listener.setsockopt(socket.SOL_SOCKET, option, {BUFFER})
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
source, _ = listener.accept()
print("next", flush=True)
sink, _ = listener.accept()
buffer = memoryview(bytearray(256 * 1024))
while size := source.recv_into(buffer):
    sink.sendall(buffer[:size])
"""


def rate(
    source: socket.socket, sink: socket.socket, block: Callable[[], bytes | bytearray], between: psutil.Process
) -> Rate:
    """What comes out of `sink` while `source` is sent all that the process `between` them takes."""
    with sending(source, block):
        buffer = memoryview(bytearray(1024 * 1024))
        read_for(sink, buffer, WARM_UP)
        used, began = processor_seconds(between), time.perf_counter()
        megabytes = read_for(sink, buffer, SECONDS) / 1e6
        return Rate(megabytes / (processor_seconds(between) - used), megabytes / (time.perf_counter() - began))


def processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def read_for(sink: socket.socket, buffer: memoryview, seconds: float) -> int:
    size = 0
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        size += sink.recv_into(buffer)
    return size


@contextmanager
def sending(source: socket.socket, block: Callable[[], bytes | bytearray]) -> Iterator[None]:
    """Send blocks from a thread, until left."""
    stopped = threading.Event()

    def send() -> None:
        try:
            while not stopped.is_set():
                source.sendall(block())
        except OSError:
            return  # it was cut off in the middle of a block, which is how every run ends

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        source.shutdown(socket.SHUT_RDWR)
        thread.join()
