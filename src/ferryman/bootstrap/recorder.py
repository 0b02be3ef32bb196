"""Opens the recorder that the configuration describes, and what delivers session logs; runs both beside the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ferryman.bootstrap import outputs
from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.recording_search import open_search
from ferryman.core.ports.recordings import RecordingMode
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.service import Service
    from ferryman.store.line_index import SqliteLineIndex


@asynccontextmanager
async def open_recorder(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator["Service"]:
    """Yield a service that records sessions and delivers their logs; what waits to be written is written on leaving.

    With the mode `off` no new session is recorded, but recordings can be read, and those that were begun are finished.
    Raises Failure if a directory cannot be written.
    """
    from ferryman.recording.directory import DirectoryStorage
    from ferryman.recording.outputs.delivery import OutputDelivery
    from ferryman.recording.outputs.destinations import Destinations
    from ferryman.recording.recorder import SessionsRecorder
    from ferryman.server.background import running_beside, supervised

    settings = loaded.configuration.recordings
    mode = RecordingMode(settings.mode)
    directory = loaded.path(settings.directory)
    storage = DirectoryStorage(directory)
    if mode is not RecordingMode.OFF:
        try:
            storage.open()
        except OSError as error:
            raise Failure(
                f"Recordings cannot be kept in {directory}",
                error.strerror or str(error),
                "Make the directory writable for the server, or set a different recordings.directory",
            ) from error
    destinations = Destinations(outputs.reach(loaded))
    async with open_search(directory, service, on=settings.search) as (searching, index):
        recorder = SessionsRecorder(
            searching,
            storage,
            mode,
            spool=await asyncio.to_thread(outputs.spool, loaded),
            typed=settings.input,
            delete_after_days=settings.delete_after_days,
            retain_for_days=settings.retain_for_days,
        )
        delivery = OutputDelivery(searching, recorder, destinations)
        recorded = replace(searching, recorder=recorder, outputs=destinations)
        background = supervised("recorder", recorder.run), supervised("output delivery", delivery.run)
        try:
            async with running_beside(*background, *_indexing(recorded, index)):
                yield recorded
        finally:
            await delivery.close()
            await recorder.close()


def _indexing(service: "Service", index: "SqliteLineIndex | None") -> "list[asyncio.Task[None]]":
    """Start what fills the index, if there is one."""
    from ferryman.recording.search.index import LineSearch
    from ferryman.recording.search.indexer import Indexer
    from ferryman.server.background import supervised

    search = service.recording_search
    if index is None or not isinstance(search, LineSearch):
        return []
    return [supervised("recording index", Indexer(service, index, search).run)]
