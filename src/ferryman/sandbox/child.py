"""The sandboxed process: reads tasks from its standard input, writes results to its standard output, one at a time.

It confines itself before it reads the first task. If a task takes too long, the kernel ends the process.
"""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import BinaryIO

import msgspec

from ferryman.core.document_tasks import Result, Task
from ferryman.core.documents.work import perform
from ferryman.sandbox.frames import FAILED, LENGTH
from ferryman.system.confinement import confine

_MIB = 1 << 20
STACK = 64 * _MIB
"""Bytes. Cedar's parser is recursive; 2 MiB are too few for the largest input, 8 MiB are four times enough."""
_CAUSE = 4000
"""Bytes of a traceback."""
_NICENESS = 5
"""Interactive sessions have priority."""


def main(arguments: list[str]) -> None:
    """Serve until standard input ends. Arguments: seconds of a task's processor time, MiB of address space."""
    seconds, mebibytes = float(arguments[0]), int(arguments[1])
    confine(mebibytes, _NICENESS)
    threading.stack_size(STACK)
    serving = threading.Thread(target=_serve, args=(sys.stdin.buffer, sys.stdout.buffer, seconds))
    serving.start()
    serving.join()


def _serve(tasks: BinaryIO, results: BinaryIO, seconds: float) -> None:
    results.write(LENGTH.pack(0))
    results.flush()
    while len(head := tasks.read(LENGTH.size)) == LENGTH.size:
        body = tasks.read(LENGTH.unpack(head)[0])
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = _answer(body, perform)
        signal.setitimer(signal.ITIMER_PROF, 0)
        results.write(answer)
        results.flush()


def _answer(body: bytes, work: Callable[[Task], Result]) -> bytes:
    try:
        task: Task = msgspec.json.decode(body, type=Task)
        encoded = msgspec.json.encode(work(task))
    except MemoryError:
        os.abort()  # as Cedar's engine does
    except Exception:  # noqa: BLE001 boundary: whatever it was, the other side answers for it, and the next task counts
        cause = traceback.format_exc().encode(errors="replace")[-_CAUSE:]
        return LENGTH.pack(FAILED) + LENGTH.pack(len(cause)) + cause
    return LENGTH.pack(len(encoded)) + encoded
