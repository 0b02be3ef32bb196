"""Reads recordings over the API."""

from collections.abc import Iterator
from typing import NamedTuple

from ferryman.client.calls.api import Api


class RecordedEvent(NamedTuple):
    """One event. `at` is in seconds since the recording began; `kind` one of o, e, i, r, m, x, c, f."""

    at: float
    kind: str
    data: bytes


def recorded_events(
    api: Api, session_id: str, *, start_at: float = 0, include_input: bool = False
) -> Iterator[RecordedEvent]:
    """Yield the events of a recording in order, from about `start_at` seconds on. Raises Failure."""
    members: dict[str, object] = {"SessionId": session_id, "StartAt": int(start_at * 1000)}
    if include_input:
        members["IncludeInput"] = True
    for event in api.pages("GetRecordingEvents", "Events", **members):
        yield RecordedEvent(event["At"] / 1000, event["Kind"], event["Data"])
