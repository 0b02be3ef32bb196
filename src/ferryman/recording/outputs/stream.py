"""The log stream of one session, written while the session runs. Methods block."""

import msgspec

from ferryman.core.ports.recordings.outputs import PendingOutput
from ferryman.core.ports.recordings.store import Recording
from ferryman.core.service import Service
from ferryman.recording.outputs.cloud_watch import create_log_stream, put_events, require_key
from ferryman.recording.outputs.destinations import Destinations
from ferryman.recording.outputs.lines import (
    FROM_THE_BEGINNING,
    LineStream,
    Streamed,
    StreamIdentity,
    packed,
    stream_event,
)
from ferryman.recording.outputs.text import shown
from ferryman.recording.reader import RecordingReader

STEP_BYTES = 1024 * 1024
"""About how much output is sent before the progress is stored."""


class SessionStream:
    """Sends a session's output as events of whole lines."""

    def __init__(
        self,
        output: PendingOutput,
        recording: Recording,
        reader: RecordingReader,
        destinations: Destinations,
        service: Service,
    ) -> None:
        assert output.outputs.cloud_watch is not None  # noqa: S101 its kind says so
        self._group = output.outputs.cloud_watch.log_group
        self._is_encrypted = output.outputs.cloud_watch.encrypted
        self._identity = StreamIdentity(
            recording.session_id,
            recording.target,
            recording.owner,
            output.outputs.run_as_user,
            service.settings.region,
        )
        self._destinations = destinations
        self._clock = service.clock
        reached = FROM_THE_BEGINNING
        if output.progress is not None:
            reached = msgspec.json.decode(output.progress, type=Streamed)
        self.has_begun = self.is_linked = False
        """Whether the log stream is known to exist, and the session to be linked to it.

        Not so after a restart or a failure: progress without a whole line begins no log stream.
        """
        self._lines = LineStream(reached)
        self._found = reader.follow(reached.after)
        self.blocks = 0
        """How many blocks of the recording were read."""

    @property
    def progress(self) -> str:
        """How far everything was sent, in JSON."""
        return msgspec.json.encode(self._lines.streamed).decode()

    def send(self, *, is_over: bool) -> bool:
        """Send some of the output that was not sent; False if there is nothing more at present. Raises `CallFailed`,
        `Damaged`."""
        lines: list[str] = []
        size = 0
        while size < STEP_BYTES:
            found = next(self._found)
            if found is None:
                break
            position, events = found
            data = shown(events)
            size += len(data)
            lines += self._lines.add(position, data)
            self.blocks = position.number + 1
        ended = is_over and size < STEP_BYTES
        if ended:
            lines += self._lines.end()
        if lines:
            self._put(lines)
        return bool(size) and not ended

    def _put(self, lines: list[str]) -> None:
        client = self._destinations.logs(self._group)
        if not self.has_begun:
            if self._is_encrypted:
                require_key(client, self._group)
            create_log_stream(client, self._group, self._identity.session_id)
        messages = [stream_event(self._identity, self._clock(), group) for group in packed(lines)]
        put_events(client, self._group, self._identity.session_id, messages, self._clock)
        self.has_begun = True
