"""Copies the database as it is at one moment, while servers and commands use it."""

import contextlib
import sqlite3
from pathlib import Path

from ferryman.store.faults import CORRUPTED, FAILED, StoreUnusable
from ferryman.store.sqlite.faults import ADVICE
from ferryman.store.sqlite.files import sqlite_path
from ferryman.system.private_files import write_private

_BUSY_SECONDS = 30.0


def copy_store(url: str, target: Path) -> None:
    """Write a copy to a new file and check it. Raises `StoreUnusable`, also if the copy turns out to be corrupted.

    One step copies everything: it reads one state of the database, and writers are not held up.
    """
    path = sqlite_path(url)
    write_private(target, b"")
    try:
        with (
            contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")
            found = copy.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        state = FAILED if isinstance(error, sqlite3.OperationalError) else CORRUPTED
        raise StoreUnusable(path, str(error), ADVICE[state]) from error
    if found != ("ok",):
        raise StoreUnusable(path, str(found[0]), ADVICE[CORRUPTED])
