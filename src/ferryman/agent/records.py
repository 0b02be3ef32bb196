"""Session records: what agent and session worker tell each other through the state directory.

`<session id>.json` is written by the agent before it asks for a worker, then by the worker. `<session id>.lock` is
locked by the worker for as long as it lives, so a record without a result whose lock is free belongs to a worker that
died. Whoever holds the lock may write or remove the record.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec

from ferryman.agent.state import read_struct, replace_file

SUCCESS = "Success"
FAILED = "Failed"


class SessionResult(msgspec.Struct, frozen=True):
    """How a session ended: `status` is Success or Failed, `output` a text for its user. `message_id` is a UUID that
    stays the same however often the result is reported."""

    status: str
    output: str
    message_id: str


def new_result(status: str, output: str = "") -> SessionResult:
    """Return a result with an id of its own."""
    return SessionResult(status, output, str(uuid.uuid4()))


class SessionRecord(msgspec.Struct, frozen=True):
    """One session on this node. `pid` is the worker's, 0 until it runs; `started_at` seconds since the epoch."""

    session_id: str
    node_id: str
    started_at: float
    pid: int = 0
    result: SessionResult | None = None


class RecordLocked(Exception):
    """Another process holds the session's lock: its worker is alive."""


class SessionRecords:
    """The records of one state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, session_id: str) -> SessionRecord | None:
        """Return the record, None when there is none."""
        return read_struct(self._path(session_id, "json"), SessionRecord)

    def write(self, record: SessionRecord) -> None:
        """Replace the record. Not forced to disk: sessions do not outlive the machine's own end."""
        replace_file(self._path(record.session_id, "json"), msgspec.json.encode(record), durable=False)

    def remove(self, session_id: str) -> None:
        """Forget the session; idempotent."""
        self._path(session_id, "json").unlink(missing_ok=True)
        self._path(session_id, "lock").unlink(missing_ok=True)

    def all(self) -> Iterator[SessionRecord]:
        """Every readable record."""
        for path in sorted(self._directory.glob("*.json")):
            record = read_struct(path, SessionRecord)
            if record is not None:
                yield record

    def lock(self, session_id: str, *, wait: bool = False) -> int:
        """Lock the session until the returned descriptor and its copies are closed.

        If another process holds the lock, waits for it or raises `RecordLocked`.
        """
        descriptor = os.open(self._path(session_id, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise RecordLocked(session_id) from error
        return descriptor

    def _path(self, session_id: str, extension: str) -> Path:
        """A session id is the server's text: it must not name a file outside the directory, nor a hidden one."""
        return self._directory / f"{quote(session_id, safe='@+=,-_').replace('.', '%2E')}.{extension}"
