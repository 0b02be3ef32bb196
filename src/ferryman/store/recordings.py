"""Recordings in SQL. Every change is one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import and_, bindparam, delete, exists, insert, or_, select, text, update
from sqlalchemy.sql import Select

from ferryman.core.ports.recordings.store import (
    Recording,
    RecordingEnd,
    RecordingHold,
    RecordingKey,
    RecordingMode,
    RecordingPosition,
    RecordingQuery,
)
from ferryman.model.identifiers import Millis, SessionId
from ferryman.store.connections import Connections, Record
from ferryman.store.tables import FIRST_ENDED_STATUS, recordings, sessions

_COLUMNS = (
    recordings.c.session_id,
    recordings.c.target,
    recordings.c.owner,
    recordings.c.owner_name,
    recordings.c.document_name,
    recordings.c.mode,
    recordings.c.started_at,
    recordings.c.finished_at,
    recordings.c.duration,
    recordings.c.blocks,
    recordings.c.size,
    recordings.c.head,
    recordings.c.retained_until,
    recordings.c.hold_reason,
    recordings.c.held_by,
    recordings.c.held_at,
)
"""In the order of `Recording`'s fields; the last three are its hold's."""
_OF_SESSION = recordings.c.session_id == bindparam("session_id")
_INSERT = insert(recordings)
_GET = select(*_COLUMNS).where(_OF_SESSION)
_KEY = select(recordings.c.data_key).where(_OF_SESSION)
_GET_WITH_KEY = select(*_COLUMNS, recordings.c.data_key).where(_OF_SESSION)
_KEYS = select(recordings.c.session_id, recordings.c.data_key).where(
    recordings.c.session_id.in_(bindparam("session_ids", expanding=True))
)
# Written out for the partial indexes, as in `store.sessions`.
_IS_KEPT = recordings.c.mode != RecordingMode.OFF.value
_IS_UNFINISHED = text("recordings.finished_at IS NULL")
_IS_ACTIVE = text(f"sessions.status < {FIRST_ENDED_STATUS}")
_UNFINISHED = (
    select(recordings.c.session_id)
    .where(
        _IS_UNFINISHED,
        ~exists(select(sessions.c.number).where(sessions.c.session_id == recordings.c.session_id, _IS_ACTIVE)),
    )
    .order_by(recordings.c.session_id)
    .limit(bindparam("most"))
)

_MAY_BE_DELETED = and_(
    recordings.c.held_at.is_(None),
    or_(recordings.c.retained_until.is_(None), recordings.c.retained_until <= bindparam("now")),
)
_DELETABLE = (
    select(*_COLUMNS)
    .where(
        recordings.c.started_at < bindparam("before"),
        recordings.c.finished_at.is_not(None),
        _IS_KEPT,
        _MAY_BE_DELETED,
    )
    .order_by(recordings.c.started_at, recordings.c.session_id)
    .limit(bindparam("most"))
)
_BEGIN_DELETION = (
    update(recordings).where(recordings.c.session_id == bindparam("id"), _MAY_BE_DELETED).values(deleting=True)
)


class SqlRecordings:
    """`core.ports.recordings.store.RecordingStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, recording: Recording, key: RecordingKey) -> None:
        """See `RecordingStore`."""
        values = {
            "session_id": recording.session_id,
            "target": recording.target,
            "owner": recording.owner,
            "owner_name": recording.owner_name,
            "document_name": recording.document_name,
            "mode": recording.mode.value,
            "started_at": recording.started_at,
            "data_key": key.sealed,
            "retained_until": recording.retained_until,
            **_hold_values(recording.hold),
        }
        await self._connections.write(_INSERT, values)

    async def get(self, session_id: str) -> Recording | None:
        """See `RecordingStore`."""
        rows = await self._connections.read(_GET, {"session_id": session_id})
        return _recording(rows[0]) if rows else None

    async def key(self, session_id: str) -> RecordingKey | None:
        """See `RecordingStore`."""
        rows = await self._connections.read(_KEY, {"session_id": session_id})
        return RecordingKey(bytes(rows[0][0])) if rows else None

    async def with_key(self, session_id: str) -> tuple[Recording, RecordingKey] | None:
        """See `RecordingStore`."""
        for row in await self._connections.read(_GET_WITH_KEY, {"session_id": session_id}):
            return _recording(row[:-1]), RecordingKey(bytes(row[-1]))
        return None

    async def keys(self, session_ids: Sequence[str]) -> Mapping[str, RecordingKey]:
        """See `RecordingStore`."""
        rows = await self._connections.read(_KEYS, {"session_ids": session_ids})
        return {row[0]: RecordingKey(bytes(row[1])) for row in rows}

    async def keys_after(self, session_id: str, limit: int) -> Sequence[tuple[str, RecordingKey]]:
        """See `RecordingStore`."""
        keys = (
            select(recordings.c.session_id, recordings.c.data_key)
            .where(recordings.c.session_id > session_id)
            .order_by(recordings.c.session_id)
            .limit(limit)
        )
        return [(row[0], RecordingKey(bytes(row[1]))) for row in await self._connections.read(keys)]

    async def reseal_key(self, session_id: str, before: RecordingKey, key: RecordingKey) -> bool:
        """See `RecordingStore`."""
        same = (recordings.c.session_id == session_id) & (recordings.c.data_key == before.sealed)
        return await self._connections.write(update(recordings).where(same).values(data_key=key.sealed)) == 1

    async def note_blocks(self, session_id: SessionId, blocks: int) -> bool:
        """See `RecordingStore`."""
        unfinished = (recordings.c.session_id == session_id) & _IS_UNFINISHED
        return await self._connections.write(update(recordings).where(unfinished).values(blocks=blocks)) == 1

    async def finish(self, session_id: SessionId, end: RecordingEnd) -> bool:
        """See `RecordingStore`."""
        values = {
            "finished_at": end.finished_at,
            "duration": end.duration,
            "blocks": end.blocks,
            "size": end.size,
            "head": end.head,
        }
        finishing = update(recordings).where(recordings.c.session_id == session_id, _IS_UNFINISHED).values(values)
        return await self._connections.write(finishing) == 1

    async def page(self, query: RecordingQuery, after: RecordingPosition | None, limit: int) -> Sequence[Recording]:
        """See `RecordingStore`."""
        return [_recording(row) for row in await self._connections.list_rows(_page(query, after, limit))]

    async def unfinished_of_ended_sessions(self, limit: int) -> Sequence[SessionId]:
        """See `RecordingStore`."""
        return [SessionId(row[0]) for row in await self._connections.read(_UNFINISHED, {"most": limit})]

    async def deletable(self, started_before: Millis, now: Millis, limit: int) -> Sequence[Recording]:
        """See `RecordingStore`."""
        values = {"before": started_before, "now": now, "most": limit}
        return [_recording(row) for row in await self._connections.read(_DELETABLE, values)]

    async def put_hold(self, session_id: str, hold: RecordingHold) -> bool:
        """See `RecordingStore`."""
        there = (recordings.c.session_id == session_id) & ~recordings.c.deleting
        return await self._connections.write(update(recordings).where(there).values(_hold_values(hold))) == 1

    async def remove_hold(self, session_id: str) -> bool:
        """See `RecordingStore`."""
        held = (recordings.c.session_id == session_id) & recordings.c.held_at.is_not(None)
        return await self._connections.write(update(recordings).where(held).values(_hold_values(None))) == 1

    async def begin_deletion(self, session_id: str, now: Millis) -> bool:
        """See `RecordingStore`."""
        return await self._connections.write(_BEGIN_DELETION, {"id": session_id, "now": now}) == 1

    async def delete(self, session_id: str) -> bool:
        """See `RecordingStore`."""
        return await self._connections.write(delete(recordings).where(recordings.c.session_id == session_id)) == 1


def _hold_values(hold: RecordingHold | None) -> dict[str, object]:
    if hold is None:
        return {"hold_reason": None, "held_by": None, "held_at": None}
    return {"hold_reason": hold.reason, "held_by": hold.held_by, "held_at": hold.held_at}


def _recording(row: Record) -> Recording:
    *own, reason, held_by, held_at = row
    recording = Recording(*own)
    hold = None if held_at is None else RecordingHold(reason, held_by, held_at)
    head = None if recording.head is None else bytes(recording.head)
    return replace(recording, mode=RecordingMode(recording.mode), head=head, hold=hold)


def _page(query: RecordingQuery, after: RecordingPosition | None, limit: int) -> Select[Any]:
    page = (
        select(*_COLUMNS).where(_IS_KEPT).order_by(recordings.c.started_at.desc(), recordings.c.session_id).limit(limit)
    )
    if query.target is not None:
        page = page.where(recordings.c.target == query.target)
    if query.owner is not None:
        page = page.where(recordings.c.owner == query.owner)
    if query.started_after is not None:
        page = page.where(recordings.c.started_at > query.started_after)
    if query.started_before is not None:
        page = page.where(recordings.c.started_at < query.started_before)
    if after is not None:
        page = page.where(
            recordings.c.started_at <= after.started_at,
            or_(recordings.c.started_at < after.started_at, recordings.c.session_id > after.session_id),
        )
    return page
