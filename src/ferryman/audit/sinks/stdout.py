"""A copy of the audit trail on standard output, for collectors of container logs.

A separate thread prints it: a stalled reader must not delay the trail. Records that it does not read in time are left
out here, which is logged; the files have them.
"""

import queue
import sys
import threading
from collections.abc import Sequence
from typing import BinaryIO

import structlog

from ferryman.model.values.text import printable_json

MOST_WAITING = 10_000
"""Batches of lines."""
_END_WAIT = 2.0

_log = structlog.get_logger("ferryman.audit")


class StandardOutput:
    """Prints lines to `stream`, standard output if none is given."""

    def __init__(self, stream: BinaryIO | None = None) -> None:
        self._stream = sys.stdout.buffer if stream is None else stream
        self._waiting: queue.Queue[Sequence[bytes] | None] = queue.Queue(MOST_WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._print, name="audit-stdout", daemon=True)
        self._thread.start()

    def write(self, lines: Sequence[bytes]) -> None:
        """Queue lines to be printed; leave them out if too many wait."""
        try:
            self._waiting.put_nowait(lines)
        except queue.Full:
            if not self._left_out:
                _log.warning("audit copy falls behind", copy="stdout")
            self._left_out += len(lines)
            return
        if self._left_out:
            _log.warning("audit copy left records out", copy="stdout", records=self._left_out)
            self._left_out = 0

    def close(self) -> None:
        """Print the waiting lines, within two seconds."""
        try:
            self._waiting.put(None, timeout=_END_WAIT)
        except queue.Full:
            return
        self._thread.join(_END_WAIT)

    def _print(self) -> None:
        while (lines := self._waiting.get()) is not None:
            try:
                self._stream.write(b"".join(map(_on_terminal, lines)) if self._stream.isatty() else b"".join(lines))
                self._stream.flush()
            except OSError as error:
                _log.warning("audit copy ends", copy="stdout", reason=str(error))
                return


def _on_terminal(line: bytes) -> bytes:
    """Return an equivalent record that cannot steer a terminal. Elsewhere records stay unchanged, for their MAC."""
    return printable_json(line.decode(errors="replace")).encode()
