"""Opens the index that recordings are searched in, if the configuration says so."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.service import Service
    from ferryman.store.line_index import SqliteLineIndex

FILE = "search.sqlite"
"""Beside the recordings."""
_LOCK = f"{FILE}.lock"


@asynccontextmanager
async def open_search(
    directory: Path, service: "Service", *, on: bool
) -> AsyncIterator[tuple["Service", "SqliteLineIndex | None"]]:
    """Yield a service that can search recordings, and the index; if it is not `on`, delete the index.

    Raises Failure if the index cannot be kept in `directory`.
    """
    from ferryman.core.ports.recordings.search import IndexUnusable
    from ferryman.recording.search.index import LineSearch
    from ferryman.store.line_index import SqliteLineIndex, remove_line_index
    from ferryman.system.private_files import make_private_directory

    path = directory / FILE
    if not on:
        remove_line_index(path)
        path.with_name(_LOCK).unlink(missing_ok=True)
        yield service, None
        return
    index = SqliteLineIndex(path)
    search = LineSearch(service, index)
    try:
        try:
            make_private_directory(directory)
            async with _alone(path.with_name(_LOCK)):
                await index.open()
                await search.open()
        except (OSError, IndexUnusable) as error:
            raise Failure(
                f"The search index {path} cannot be used",
                str(error),
                "Make its directory writable for the server; the index may be deleted, and is built again then",
            ) from error
        yield replace(service, recording_search=search), index
    finally:
        search.close()
        await index.close()


@asynccontextmanager
async def _alone(path: Path) -> AsyncIterator[None]:
    """Wait until no other server that shares the directory opens the index.

    Each would make the file and its key again, and the others would continue with what is gone.
    """
    from ferryman.system.file_locks import lock_file
    from ferryman.system.private_files import PRIVATE

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        await asyncio.to_thread(lock_file, descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)
