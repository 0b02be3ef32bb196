"""Opens the recorder that the configuration describes, and the delivery of session logs; runs both beside the
server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.recordings import outputs
from ferryman.bootstrap.recordings.search import open_search
from ferryman.core.ports.kms import KeyCustody
from ferryman.core.ports.recordings.store import RecordingMode
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.service import Service
    from ferryman.recording.storage.port import BlockStorage
    from ferryman.recording.storage.s3 import S3Storage
    from ferryman.store.line_index import SqliteLineIndex

_log = structlog.get_logger("ferryman.recording")


@asynccontextmanager
async def open_recorder(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator["Service"]:
    """Yield a service that records sessions and delivers their logs; waiting output is written on leaving.

    With the mode `off` no new session is recorded, but recordings can be read, and those that were begun are finished.
    Raises Failure if a directory or bucket cannot be written.
    """
    from ferryman.recording.keys.rewrapping import Rewrapping
    from ferryman.recording.other_spools import is_nowhere_else, outside
    from ferryman.recording.outputs.delivery import OutputDelivery
    from ferryman.recording.outputs.destinations import Destinations
    from ferryman.recording.recorder import ServerRecorder
    from ferryman.server.background import running_beside, supervised

    settings = loaded.configuration.recordings
    mode = RecordingMode(settings.mode)
    directory = loaded.path(settings.directory)
    destinations = Destinations(outputs.reach(loaded))
    async with (
        _open_storage(loaded, mode) as (storage, writers),
        open_search(directory, service, on=settings.search) as (searching, index),
    ):
        spool = await asyncio.to_thread(outputs.spool, loaded)
        elsewhere = outputs.kms_elsewhere(loaded)
        key = "" if settings.kms is None else settings.kms.key
        searching = replace(searching, custody=KeyCustody(key, elsewhere))
        recorder = ServerRecorder(
            searching,
            storage,
            mode,
            writers=writers,
            spool=spool,
            typed=settings.input,
            delete_after_days=settings.delete_after_days,
            retain_for_days=settings.retain_for_days,
            is_elsewhere=outside(searching, spool) if loaded.is_one_of_several else is_nowhere_else,
        )
        days = loaded.configuration.outputs.give_up_after_days
        delivery = OutputDelivery(searching, recorder, destinations, give_up_after_days=days)
        recorded = replace(searching, recorder=recorder, outputs=destinations)
        background = [supervised("recorder", recorder.run), supervised("output delivery", delivery.run)]
        if key:
            background.append(supervised("rewrapping", Rewrapping(searching).run))
        try:
            async with running_beside(*background, *_indexing(recorded, index)):
                yield recorded
        finally:
            await delivery.close()
            await recorder.close()
            if elsewhere is not None:
                elsewhere.close()


@asynccontextmanager
async def _open_storage(loaded: LoadedConfiguration, mode: RecordingMode) -> AsyncIterator[tuple["BlockStorage", int]]:
    """Yield the storage of recordings, and how many threads write there.

    If sessions are recorded, raises Failure if the directory cannot be written, or the bucket refuses to be. A bucket
    that does not answer keeps no server from starting: it may be back before the first session.
    """
    from ferryman.recording.recorder import WRITERS
    from ferryman.recording.storage.directory import DirectoryStorage
    from ferryman.recording.storage.s3 import WRITERS_TO_S3

    settings = loaded.configuration.recordings
    if settings.s3 is not None:
        bucket = outputs.recording_bucket(loaded, settings.s3)
        try:
            if mode is not RecordingMode.OFF:
                await asyncio.to_thread(_check_bucket, bucket)
            yield bucket, WRITERS_TO_S3
        finally:
            await asyncio.to_thread(bucket.close)
        return
    storage = DirectoryStorage(loaded.path(settings.directory))
    if mode is not RecordingMode.OFF:
        try:
            storage.open()
        except OSError as error:
            raise Failure(
                f"Recordings cannot be kept in {storage.directory}",
                error.strerror or str(error),
                "Make the directory writable for the server, or set a different recordings.directory",
            ) from error
    yield storage, WRITERS


def _check_bucket(bucket: "S3Storage") -> None:
    from ferryman.recording.aws_clients import CallFailed

    try:
        bucket.probe()
    except OSError as error:
        refused = isinstance(error.__cause__, CallFailed) and 400 <= error.__cause__.status < 500
        if refused:
            advice = "Correct [recordings.s3], or the permissions of its credentials in the bucket"
            raise Failure("Recordings cannot be kept in S3", error.strerror or str(error), advice) from error
        _log.error("recordings cannot be written", reason=error.strerror or str(error))


def _indexing(service: "Service", index: "SqliteLineIndex | None") -> "list[asyncio.Task[None]]":
    """Start the indexer, if there is an index."""
    from ferryman.recording.search.index import LineSearch
    from ferryman.recording.search.indexer import Indexer
    from ferryman.server.background import supervised

    search = service.recording_search
    if index is None or not isinstance(search, LineSearch):
        return []
    return [supervised("recording index", Indexer(service, index, search).run)]
