"""SQLite's error codes and full disks, as states and advice."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from ferryman.store.faults import CORRUPTED, FAILED, FULL, GONE, LOCKED, READ_ONLY, StoreUnusable

LEAST_FREE_BYTES = 1024 * 1024
"""Less free space than this counts as a full disk: the next write may fit into blocks that the database has already,
and those after it will not."""

_STATES: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_CORRUPT: CORRUPTED,
    sqlite3.SQLITE_NOTADB: CORRUPTED,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_IOERR: FAILED,
    sqlite3.SQLITE_CANTOPEN: FAILED,
}
ADVICE: Mapping[str, str] = {
    FULL: "Make room on its disk",
    LOCKED: "End the program that holds its lock, then start again",
    CORRUPTED: "Restore it from a backup, and keep this file for `sqlite3 FILE .recover`",
    READ_ONLY: "Make the file and its directory writable for the server's user",
    GONE: "Put the file back, then start again",
    FAILED: "Check its disk and the permissions of its directory",
}


def state_of(error: DBAPIError, path: Path) -> str | None:
    """Return the state that an error shows; None if the statement is at fault, not the store."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    state = None if code is None else _STATES.get(code & 0xFF)
    return FULL if state == FAILED and is_full(path) else state


def unusable(error: DBAPIError, path: Path) -> StoreUnusable:
    """Return the error to raise for a failure while opening the store."""
    state = state_of(error, path) or FAILED
    return StoreUnusable(path, str(error.orig), ADVICE[state])


def is_full(path: Path) -> bool:
    """Return whether the disk of a file has next to no space left for this user."""
    try:
        status = os.statvfs(path.parent)
    except OSError:
        return False
    blocks = status.f_bfree if os.geteuid() == 0 else status.f_bavail
    return blocks * status.f_frsize < LEAST_FREE_BYTES
