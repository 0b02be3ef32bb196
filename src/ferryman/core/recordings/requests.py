"""Requests and results of the actions on recordings."""

from dataclasses import dataclass

from ferryman.core.ports.recordings.recorder import RecordedEvent
from ferryman.core.ports.recordings.store import RecordingQuery


@dataclass(frozen=True, slots=True)
class ListRecordingsRequest:
    """ListRecordings. `max_results` is 1 to 200, None for 50."""

    query: RecordingQuery
    max_results: int | None = None
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class GetRecordingEventsRequest:
    """GetRecordingEvents. `start_at`: milliseconds into the recording; events long before it are left out.

    `include_input`: with what was typed, if that was recorded.
    """

    session_id: str
    start_at: int = 0
    include_input: bool = False
    next_token: str | None = None


@dataclass(frozen=True, slots=True)
class RecordingEvents:
    """A page of events in order; `next_token` is None behind the last event that is recorded so far."""

    events: tuple[RecordedEvent, ...]
    next_token: str | None


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of VerifyRecording. `problem` says what is wrong, None if nothing is."""

    session_id: str
    problem: str | None
