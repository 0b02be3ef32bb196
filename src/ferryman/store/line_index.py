"""The index of recorded lines in a SQLite file of its own, with FTS5: `core.ports.recordings.search.LineIndex`.

The full-text table has no content: its words are hexadecimal digits of keyed hashes. The file can be deleted at any
time, so it is written without waiting for the disk.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ferryman.core.ports.recordings.search import (
    WORD_BYTES,
    FoundChunk,
    IndexUnusable,
    LineChunk,
    SearchedRecording,
    SearchTooSlow,
)
from ferryman.core.ports.recordings.store import RecordingQuery
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.system.private_files import write_private

READERS = 2
TIMEOUT_SECONDS = 3.0
"""How long a search may take in the index."""
VERSION = 1
"""Of the file's layout and of how words are made: a file of another version is made again."""
_STEPS = 10_000
_SCHEMA = """
CREATE TABLE secrets (key BLOB NOT NULL);
CREATE TABLE recordings (
    number INTEGER PRIMARY KEY, session_id TEXT NOT NULL UNIQUE, target TEXT NOT NULL, owner TEXT NOT NULL,
    owner_name TEXT NOT NULL, document_name TEXT NOT NULL, started_at INTEGER NOT NULL,
    complete INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, recording INTEGER NOT NULL, number INTEGER NOT NULL, words BLOB NOT NULL,
    sealed BLOB NOT NULL
);
CREATE INDEX chunks_of_recording ON chunks (recording);
CREATE VIRTUAL TABLE texts USING fts5 (words, content = '', detail = none, columnsize = 0, tokenize = 'ascii');
"""
_FIND = """
SELECT chunks.id, session_id, target, owner, owner_name, document_name, started_at, chunks.number, chunks.sealed
FROM texts CROSS JOIN chunks ON chunks.id = texts.rowid CROSS JOIN recordings ON recordings.number = chunks.recording
WHERE texts MATCH :words AND texts.rowid >= :first AND texts.rowid < :end AND complete
AND (:target IS NULL OR target = :target) AND (:owner IS NULL OR owner = :owner)
AND (:after IS NULL OR started_at > :after) AND (:before IS NULL OR started_at < :before)
ORDER BY texts.rowid DESC LIMIT :most
"""
Result = TypeVar("Result")


class SqliteLineIndex:
    """Open it with `open_line_index`, and close it when done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, "line-index-writer")
        self._readers = ThreadPoolExecutor(READERS, "line-index-reader")
        self._connections: list[sqlite3.Connection] = []

    async def open(self) -> None:
        """Create the file, readable by its owner only, or make it again if it has another layout or is damaged."""
        await asyncio.get_running_loop().run_in_executor(self._writer, self._open)

    async def close(self) -> None:
        """Close every connection."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        for connection in self._connections:
            connection.close()

    async def key(self) -> bytes | None:
        """See `LineIndex`."""
        rows = await self._read(lambda connection: connection.execute("SELECT key FROM secrets").fetchall())
        return bytes(rows[0][0]) if rows else None

    async def replace_key(self, sealed: bytes) -> None:
        """See `LineIndex`."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM secrets")
            connection.execute("INSERT INTO secrets VALUES (?)", [sealed])

        await self._write(write)

    async def clear(self) -> None:
        """See `LineIndex`."""

        def write(connection: sqlite3.Connection) -> None:
            for table in ("secrets", "recordings", "chunks"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 a constant
            connection.execute("INSERT INTO texts (texts) VALUES ('delete-all')")

        await self._write(write)

    async def begin(self, recording: SearchedRecording) -> None:
        """See `LineIndex`."""

        def write(connection: sqlite3.Connection) -> None:
            _remove(connection, recording.session_id)
            columns = "session_id, target, owner, owner_name, document_name, started_at"
            connection.execute(
                f"INSERT INTO recordings ({columns}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 constants
                [
                    recording.session_id,
                    recording.target,
                    recording.owner,
                    recording.owner_name,
                    recording.document_name,
                    recording.started_at,
                ],
            )

        await self._write(write)

    async def add(self, session_id: str, first: int, chunks: Sequence[LineChunk]) -> None:
        """See `LineIndex`."""

        def write(connection: sqlite3.Connection) -> None:
            found = connection.execute("SELECT number FROM recordings WHERE session_id = ?", [session_id]).fetchone()
            if found is None:
                return
            for number, chunk in enumerate(chunks, first):
                added = connection.execute(
                    "INSERT INTO chunks (recording, number, words, sealed) VALUES (?, ?, ?, ?)",
                    [found[0], number, chunk.words, chunk.sealed],
                )
                connection.execute(
                    "INSERT INTO texts (rowid, words) VALUES (?, ?)", [added.lastrowid, _text(chunk.words)]
                )

        await self._write(write)

    async def complete(self, session_id: str) -> None:
        """See `LineIndex`."""
        await self._write(
            lambda connection: connection.execute(
                "UPDATE recordings SET complete = 1 WHERE session_id = ?", [session_id]
            )
        )

    async def known(self, session_ids: Sequence[str]) -> frozenset[str]:
        """See `LineIndex`."""
        marks = ", ".join("?" * len(session_ids))
        query = f"SELECT session_id FROM recordings WHERE complete AND session_id IN ({marks})"  # noqa: S608 marks
        rows = await self._read(lambda connection: connection.execute(query, session_ids).fetchall())
        return frozenset(row[0] for row in rows)

    async def after(self, session_id: str, limit: int) -> Sequence[str]:
        """See `LineIndex`."""
        query = "SELECT session_id FROM recordings WHERE session_id > ? ORDER BY session_id LIMIT ?"
        rows = await self._read(lambda connection: connection.execute(query, [session_id, limit]).fetchall())
        return [row[0] for row in rows]

    async def remove(self, session_id: str) -> None:
        """See `LineIndex`."""
        await self._write(lambda connection: _remove(connection, session_id))

    async def newest(self) -> int:
        """See `LineIndex`."""
        rows = await self._read(lambda connection: connection.execute("SELECT max(id) FROM chunks").fetchall())
        return rows[0][0] or 0

    async def find(
        self, words: Sequence[bytes], query: RecordingQuery, within: range, limit: int
    ) -> Sequence[FoundChunk]:
        """See `LineIndex`."""
        values = {
            "words": " AND ".join(f'"{word.hex()}"' for word in words),
            "first": within.start,
            "end": within.stop,
            "target": query.target,
            "owner": query.owner,
            "after": query.started_after,
            "before": query.started_before,
            "most": limit,
        }
        rows = await self._read(lambda connection: connection.execute(_FIND, values).fetchall())
        return [
            FoundChunk(
                row[0],
                SearchedRecording(SessionId(row[1]), NodeId(row[2]), row[3], row[4], row[5], Millis(row[6])),
                row[7],
                bytes(row[8]),
            )
            for row in rows
        ]

    def _open(self) -> None:
        for attempt in range(2):
            if not self._path.exists():
                write_private(self._path, b"")
            try:
                with contextlib.closing(self._connect()) as connection:
                    version = connection.execute("PRAGMA user_version").fetchone()[0]
                    if version == 0:
                        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
                        version = VERSION
                if version == VERSION:
                    return
            except sqlite3.DatabaseError as error:
                if attempt:
                    raise IndexUnusable(str(error)) from error
            remove_line_index(self._path)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "secure_delete = ON", "cache_size = -8192"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    async def _read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        deadline = time.monotonic() + TIMEOUT_SECONDS

        def run() -> Result:
            with self._borrowed() as connection:
                connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
                try:
                    return work(connection)
                except sqlite3.Error as error:
                    if time.monotonic() > deadline:
                        raise SearchTooSlow from error
                    raise IndexUnusable(str(error)) from error
                finally:
                    connection.set_progress_handler(None, 0)

        return await asyncio.get_running_loop().run_in_executor(self._readers, run)

    async def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        def run() -> None:
            with self._borrowed() as connection:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    try:
                        work(connection)
                    except BaseException:
                        connection.execute("ROLLBACK")
                        raise
                    connection.execute("COMMIT")
                except sqlite3.Error as error:
                    raise IndexUnusable(str(error)) from error

        await asyncio.get_running_loop().run_in_executor(self._writer, run)

    @contextlib.contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection that no other thread uses meanwhile."""
        try:
            connection = self._connections.pop()
        except IndexError:
            try:
                connection = self._connect()
            except sqlite3.Error as error:
                raise IndexUnusable(str(error)) from error
        try:
            yield connection
        finally:
            self._connections.append(connection)


def remove_line_index(path: Path) -> None:
    """Delete an index, if it is there."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _remove(connection: sqlite3.Connection, session_id: str) -> None:
    found = connection.execute("SELECT number FROM recordings WHERE session_id = ?", [session_id]).fetchone()
    if found is None:
        return
    for chunk_id, words in connection.execute("SELECT id, words FROM chunks WHERE recording = ?", found).fetchall():
        connection.execute("INSERT INTO texts (texts, rowid, words) VALUES ('delete', ?, ?)", [chunk_id, _text(words)])
    connection.execute("DELETE FROM chunks WHERE recording = ?", found)
    connection.execute("DELETE FROM recordings WHERE number = ?", found)
    connection.execute("INSERT INTO texts (texts, rank) VALUES ('merge', 200)")


def _text(words: bytes) -> str:
    return " ".join(words[start : start + WORD_BYTES].hex() for start in range(0, len(words), WORD_BYTES))
