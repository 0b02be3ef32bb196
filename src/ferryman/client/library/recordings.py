"""Recordings in the Python API: listing, searching and reading them, page by page in a thread."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ferryman.client.calls.api import Api
from ferryman.client.recordings.events import RecordedEvent

PAGE = 200


@dataclass(frozen=True, slots=True)
class Recording:
    """The properties of a recording. `duration` is in seconds, `size` in bytes as stored.

    `finished_at`, `duration` and `size` are None while it is being recorded, `retained_until` and `hold_reason` if
    nothing but permissions keeps it from being deleted.
    """

    session_id: str
    target: str
    owner: str
    document_name: str
    started_at: datetime
    finished_at: datetime | None
    duration: float | None
    size: int | None
    retained_until: datetime | None
    hold_reason: str | None


@dataclass(frozen=True, slots=True)
class FoundLine:
    """A line that a recorded session showed, `at` seconds into the recording; `shown_at` is the time of day."""

    session_id: str
    target: str
    owner: str
    shown_at: datetime
    at: float
    line: str


class Recordings:
    """The server's recordings, as far as policies allow. Every method raises `Failure`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, session_id: str) -> Recording:
        """Return the properties of a session's recording."""
        answer = await asyncio.to_thread(self._api.call, "GetRecording", SessionId=session_id)
        return _recording(answer["Recording"])

    async def list(
        self,
        *,
        target: str | None = None,
        owner: str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> AsyncIterator[Recording]:
        """Yield recordings, newest first. `target` is a node's id, `owner` an ARN; times are of sessions' starts."""
        members = _selection(target, owner, after, before)
        async for row in self._pages("ListRecordings", "Recordings", MaxResults=PAGE, **members):
            yield _recording(row)

    async def search(
        self,
        phrase: str,
        *,
        target: str | None = None,
        owner: str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> AsyncIterator[FoundLine]:
        """Yield lines that contain the phrase, newest first; the server must keep a search index."""
        members = _selection(target, owner, after, before)
        async for row in self._pages("SearchRecordings", "Matches", Phrase=phrase, MaxResults=PAGE, **members):
            session_id, target_id, owner_arn = row["SessionId"], row["Target"], row["Owner"]
            yield FoundLine(session_id, target_id, owner_arn, row["Date"], row["At"] / 1000, row["Line"])

    async def events(
        self, session_id: str, *, start_at: float = 0.0, include_input: bool = False
    ) -> AsyncIterator[RecordedEvent]:
        """Yield a recording's events in order, from about `start_at` seconds on, up to what is recorded so far.

        `include_input` needs a permission of its own.
        """
        members: dict[str, object] = {"SessionId": session_id, "StartAt": int(start_at * 1000)}
        if include_input:
            members["IncludeInput"] = True
        async for row in self._pages("GetRecordingEvents", "Events", **members):
            yield RecordedEvent(row["At"] / 1000, row["Kind"], row["Data"])

    async def _pages(self, operation: str, member: str, **members: object) -> AsyncIterator[Mapping[str, Any]]:
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer = await asyncio.to_thread(self._api.call, operation, **members, **more)
            for row in answer[member]:
                yield row
            token = answer.get("NextToken")
            if not token:
                return


def _selection(
    target: str | None, owner: str | None, after: datetime | None, before: datetime | None
) -> dict[str, object]:
    members = {"Target": target, "Owner": owner, "StartedAfter": after, "StartedBefore": before}
    return {name: value for name, value in members.items() if value is not None}


def _recording(row: Mapping[str, Any]) -> Recording:
    duration = row.get("DurationMillis")
    return Recording(
        session_id=row["SessionId"],
        target=row["Target"],
        owner=row["Owner"],
        document_name=row["DocumentName"],
        started_at=row["StartDate"],
        finished_at=row.get("FinishDate"),
        duration=None if duration is None else duration / 1000,
        size=row.get("Size"),
        retained_until=row.get("RetainedUntil"),
        hold_reason=row.get("Hold", {}).get("Reason"),
    )
