"""Session records: how the agent and its session workers share results through the state directory.

`<session id>.json` is written by the agent before it asks for a worker, then by the worker. `<session id>.lock` is
locked by the worker while it lives, so a record without a result whose lock is free belongs to a worker that died.
Whoever holds the lock may write or remove the record.

People need their sessions most when a disk is full or read-only. A file that cannot be written there is written to
shared memory, where other processes and the next agent find it; a file there is newer than the one on disk.
"""

import contextlib
import fcntl
import os
import stat
import uuid
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import msgspec

from ferryman.agent.identity.state import read_struct
from ferryman.agent.logs import logger
from ferryman.system.private_files import replace_private

SUCCESS = "Success"
FAILED = "Failed"
ENDED_BY_AGENT = "The session was ended by its node's agent."
"""The result of a session that was asked to end before its program did."""
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own in it, whose owner and mode are checked
_LOG = logger("records")


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
        self._memory = memory_directory(directory)

    def read(self, session_id: str) -> SessionRecord | None:
        """Return the record, None when there is none."""
        name = _name(session_id, "json")
        for directory in self._directories():
            if (record := read_struct(directory / name, SessionRecord)) is not None:
                return record
        return None

    def write(self, record: SessionRecord) -> bool:
        """Replace the record; False if it could be written neither to the disk nor to memory.

        Not forced to disk: sessions do not outlive the machine's own end.
        """
        name, content = _name(record.session_id, "json"), msgspec.json.encode(record)
        try:
            replace_private(self._directory / name, content, durable=False)
        except OSError as error:
            return self._write_to_memory(record.session_id, name, content, error)
        if self._has_memory():
            _unlink(self._memory / name)
        return True

    def remove(self, session_id: str) -> None:
        """Forget the session; idempotent. What cannot be removed from a read-only disk is reported again later."""
        for extension in ("json", "lock"):
            for directory in self._directories():
                _unlink(directory / _name(session_id, extension))

    def all(self) -> Iterator[SessionRecord]:
        """Every readable record."""
        names = {path.name for directory in self._directories() for path in directory.glob("*.json")}
        for name in sorted(names):
            for directory in self._directories():
                if (record := read_struct(directory / name, SessionRecord)) is not None:
                    yield record
                    break

    def lock(self, session_id: str, *, wait: bool = False) -> int:
        """Lock the session until the returned descriptor and its copies are closed.

        If another process holds the lock, waits for it or raises `RecordLocked`. Raises OSError when there is nowhere
        to make the lock.
        """
        descriptor = self._open_lock(_name(session_id, "lock"))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise RecordLocked(session_id) from error
        return descriptor

    def _open_lock(self, name: str) -> int:
        if self._has_memory() and (self._memory / name).exists():
            return open_lock(self._memory / name)
        try:
            return open_lock(self._directory / name)
        except OSError:
            self._make_memory()
            return open_lock(self._memory / name)

    def _write_to_memory(self, session_id: str, name: str, content: bytes, cause: OSError) -> bool:
        try:
            self._make_memory()
            replace_private(self._memory / name, content, durable=False)
        except OSError as error:
            _LOG.error("session has no record", session_id=session_id, reason=cause.strerror, memory=error.strerror)
            return False
        _LOG.warning("session record kept in memory", session_id=session_id, reason=cause.strerror)
        return True

    def _directories(self) -> tuple[Path, ...]:
        return (self._memory, self._directory) if self._has_memory() else (self._directory,)

    def _has_memory(self) -> bool:
        """Tell whether the directory in shared memory is there, and ours: everybody may make one of its name."""
        try:
            found = self._memory.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077

    def _make_memory(self) -> None:
        with contextlib.suppress(FileExistsError):
            self._memory.mkdir(mode=0o700)
        if not self._has_memory():
            raise PermissionError(0, "the directory in shared memory belongs to another user", str(self._memory))


def memory_directory(directory: Path) -> Path:
    """Return the directory in shared memory for what `directory` cannot hold."""
    return _SHARED_MEMORY / f"ferryman-agent-{os.geteuid()}-{sha256(os.fsencode(directory)).hexdigest()[:16]}"


def open_lock(path: Path) -> int:
    """Return a descriptor to lock; creates a missing file. Opened read-only, since the disk may have become so."""
    return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _unlink(path: Path) -> None:
    if not os.path.lexists(path):  # a read-only disk would complain
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _LOG.warning("session record not removed", file=path.name, reason=error.strerror)


def _name(session_id: str, extension: str) -> str:
    """A session id is the server's text: it must not name a file outside the directory, nor a hidden one."""
    return f"{quote(session_id, safe='@+=,-_').replace('.', '%2E')}.{extension}"
