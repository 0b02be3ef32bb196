"""The process that session workers are forked from: everything imported, one thread, no event loop.

The first one is forked from the agent before that has a thread or an event loop, so that the two share most of their
memory. Its successors are started as a part of the program; the arguments are the state directory, a descriptor, and
the level and the form of the logs.

It talks to the agent over a stream socket pair: the agent sends an empty task to begin (4 bytes of length, big-endian),
and the zygote answers with its process id (4 bytes). Then the agent sends tasks (4 bytes of length, JSON) and reads
each worker's process id. The zygote exits when the agent does; workers do not.
"""

import contextlib
import gc
import os
import signal
import socket
import struct
import sys
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import msgspec

from ferryman.agent.identity.faults import StateUnusable
from ferryman.agent.identity.server_trust import server_trust
from ferryman.agent.identity.state import RoleCredentials, StateDirectory
from ferryman.agent.logs import DEFAULT_LOGS, LogSettings, configure, logger
from ferryman.agent.machine import Machine
from ferryman.agent.records import SessionRecord
from ferryman.agent.versions import USER_AGENT
from ferryman.agent.workers.worker import WorkerTask, run_worker
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import sign
from ferryman.system.called_code import called_code_together
from ferryman.system.event_loop import run_loop
from ferryman.system.log_writer import LogWriter
from ferryman.system.malloc import keep_freed_memory
from ferryman.system.service_manager import ServiceManager
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient
from ferryman.transport.trust import Trust
from ferryman.wire.payloads import HandshakeResponse, Size

LENGTH = struct.Struct(">I")
_MEETING_SECONDS = 2.0
"""How long an agent whose server is away waits for it when it starts."""
PROCESS_NAME, WORKER_NAME = "ferryman-zygote", "ferryman-worker"
"""The processes' names in `ps` and `top`."""
STDERR = 2
_NOBODY = Credentials("", Secret(""), Secret(""))
_READ_BY_WORKERS = (WorkerTask, SessionRecord, RoleCredentials, Machine, HandshakeResponse, Size)
"""msgspec examines a type when it first reads one."""
_LOG = logger("zygote")


@dataclass(frozen=True, slots=True)
class ForkedZygote:
    """A zygote that is a child of this process: its process id, and the agent's end of its socket."""

    pid: int
    control: socket.socket


def fork_zygote(state_directory: Path, logs: LogSettings = DEFAULT_LOGS) -> ForkedZygote:
    """Fork a zygote. The process must have one thread and no event loop, and have imported what a session needs."""
    ours, theirs = socket.socketpair()
    trusted = _warm_up(state_directory)
    gc.collect()
    gc.freeze()  # a collection would write to the pages of every object, and so copy them
    pid = os.fork()
    if pid == 0:
        _become_zygote(theirs, state_directory, logs, trusted)
    theirs.close()
    return ForkedZygote(pid, ours)


def _become_zygote(control: socket.socket, state_directory: Path, logs: LogSettings, trusted: Trust | None) -> NoReturn:
    status = 1
    try:
        ServiceManager.of_this_process()  # its variables are the agent's only
        os.setsid()
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.closerange(STDERR + 1, control.fileno())
        os.closerange(control.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        _run(control, state_directory, logs, trusted)
        status = 0
    except Exception:  # noqa: BLE001 - the process's boundary: it would continue as a second agent
        traceback.print_exc()
    finally:
        os._exit(status)


def main(arguments: list[str]) -> None:
    """Serve until the agent's end of the socket closes."""
    state_directory, descriptor, level, form = arguments
    logs = msgspec.convert((level, form), LogSettings)
    trusted = _warm_up(Path(state_directory))
    _run(socket.socket(fileno=int(descriptor)), Path(state_directory), logs, trusted)


def _run(control: socket.socket, state_directory: Path, logs: LogSettings, trusted: Trust | None) -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(PROCESS_NAME)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the agent decides: this process ends when it does
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers are reaped by the kernel
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the agent is gone
        if _receive(control) is None:
            return
        log = configure(logs)
        gc.collect()
        gc.freeze()
        _serve(control, state_directory, trusted, log)


def _warm_up(state_directory: Path) -> Trust | None:
    """Do once what every worker does, so that they share the memory that its first use fills.

    Returns the authorities that the server is checked against. The agent reports a state directory that it cannot use.
    """
    keep_freed_memory()
    for kind in _READ_BY_WORKERS:
        msgspec.json.Decoder(kind)
    trusted = None
    with contextlib.suppress(StateUnusable), called_code_together():
        registration = StateDirectory(state_directory).registration()
        trusted = server_trust(registration.endpoint, registration.ca_file)
        run_loop(_meet_server(registration.endpoint, trusted))
    _forget_attributes()
    return trusted


async def _meet_server(endpoint: str, trusted: Trust | None) -> None:
    """Call the server once, as workers do. OpenSSL then also loads what each worker would load again."""
    with contextlib.suppress(Unreachable):  # workers then load it themselves
        async with HttpClient(endpoint, user_agent=USER_AGENT, trusted=trusted, seconds=_MEETING_SECONDS) as client:
            await client.send("GET", "/.well-known/ferryman", "", {}, b"", _sign)


def _sign(request: SignableRequest) -> dict[str, str]:
    """Sign a request as workers do, but send no signature: the server would count it as a failed attempt."""
    sign(request, _NOBODY, "", "", datetime.now(UTC))
    return {}


def _forget_attributes() -> None:
    """Empty Python's cache of attributes: every worker would fill it again, and write to the names that it drops."""
    getattr(sys, "_clear_internal_caches", sys._clear_type_cache)()


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
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(WORKER_NAME)
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
