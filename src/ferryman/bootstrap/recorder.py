"""Opens the recorder that the configuration describes, and runs it beside the server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.core.ports.recordings import RecordingMode
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.service import Service


@asynccontextmanager
async def open_recorder(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator["Service"]:
    """Yield a service that records sessions; what waits to be written is written on leaving.

    With the mode `off` no new session is recorded, but recordings can be read, and those that were begun are finished.
    Raises Failure if the directory cannot be written.
    """
    from ferryman.recording.directory import DirectoryStorage
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
    recorder = SessionsRecorder(
        service, storage, mode, typed=settings.input, delete_after_days=settings.delete_after_days
    )
    try:
        async with running_beside(supervised("recorder", recorder.run)):
            yield replace(service, recorder=recorder)
    finally:
        await recorder.close()
