"""The process that session workers are forked from: everything imported, one thread, no event loop.

Arguments: the state directory and a descriptor. The descriptor is one end of a stream socket
pair. The zygote first writes its own process id (4 bytes, big-endian). Then the agent sends tasks (4 bytes of length,
JSON) and reads each worker's process id. The zygote exits when the agent does; workers do not.
"""

import contextlib
import gc
import os
import signal
import socket
import struct
from pathlib import Path
from typing import NoReturn

import msgspec

from ferryman.agent.logs import configure, logger
from ferryman.agent.server_trust import server_trust
from ferryman.agent.state import StateDirectory
from ferryman.agent.workers.worker import WorkerTask, run_worker
from ferryman.system.log_writer import LogWriter
from ferryman.transport.trust import Trust

LENGTH = struct.Struct(">I")
_LOG = logger("zygote")


def main(arguments: list[str]) -> None:
    """Serve until the agent's end of the socket closes."""
    log = configure()
    state_directory = Path(arguments[0])
    control = socket.socket(fileno=int(arguments[1]))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the agent decides: this process ends when it does
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers are reaped by the kernel
    registration = StateDirectory(state_directory).registration()
    trusted = server_trust(registration.endpoint, registration.ca_file)
    gc.collect()
    gc.freeze()  # workers share these pages
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the agent is gone
        _serve(control, state_directory, trusted, log)


def _serve(control: socket.socket, state_directory: Path, trusted: Trust | None, log: LogWriter) -> None:
    control.sendall(LENGTH.pack(os.getpid()))
    while (task := _receive(control)) is not None:
        worker = os.fork()
        if worker == 0:
            _work(control, task, state_directory, trusted, log)
        control.sendall(LENGTH.pack(worker))


def _work(
    control: socket.socket, task: bytes, state_directory: Path, trusted: Trust | None, log: LogWriter
) -> NoReturn:
    status = 1
    try:
        os.setsid()
        control.close()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        run_worker(msgspec.json.decode(task, type=WorkerTask), state_directory, trusted)
        status = 0
    except Exception:  # noqa: BLE001 - the process's boundary: it would end silently otherwise
        _LOG.exception("session worker failed")
    finally:
        log.drain()
        os._exit(status)


def _receive(control: socket.socket) -> bytes | None:
    """Return the next task, None when the agent is gone."""
    header = _read(control, LENGTH.size)
    return None if header is None else _read(control, LENGTH.unpack(header)[0])


def _read(control: socket.socket, size: int) -> bytes | None:
    received = bytearray()
    while len(received) < size:
        piece = control.recv(size - len(received))
        if not piece:
            return None
        received += piece
    return bytes(received)
