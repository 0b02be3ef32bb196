"""Session logs to be delivered, in SQL. Every change is one statement."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
from sqlalchemy import ColumnElement, and_, case, delete, exists, func, insert, or_, select, text, update

from ferryman.core.ports.recordings.outputs import OutputBacklog, OutputKind, PendingOutput
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.session_outputs import SessionOutputs
from ferryman.store.connections import Connections, Record
from ferryman.store.tables import FIRST_ENDED_STATUS, outputs, recordings, sessions

_FAILURE = 1024
"""How many characters of a failure are kept."""
_IS_ACTIVE = text(f"sessions.status < {FIRST_ENDED_STATUS}")
_UNFINISHED = exists(
    select(recordings.c.session_id).where(
        recordings.c.session_id == outputs.c.session_id, recordings.c.finished_at.is_(None)
    )
)
_RUNNING = exists(select(sessions.c.number).where(sessions.c.session_id == outputs.c.session_id, _IS_ACTIVE))
_IS_STREAMED = outputs.c.kind == OutputKind.CLOUD_WATCH_STREAM.value
_IS_OVER = and_(~_UNFINISHED, ~_RUNNING)
_COLUMNS = (
    outputs.c.session_id,
    outputs.c.kind,
    outputs.c.destinations,
    outputs.c.created_at,
    outputs.c.progress,
    outputs.c.attempts,
    outputs.c.failure,
    outputs.c.delivered_at,
    _IS_OVER.label("is_over"),
    func.coalesce(
        select(sessions.c.ended_at).where(sessions.c.session_id == outputs.c.session_id).scalar_subquery(),
        case((~_RUNNING, outputs.c.created_at)),  # the session is no longer in the history
    ),
)
"""In the order of `PendingOutput`'s fields."""


class SqlOutputs:
    """`core.ports.recordings.outputs.OutputStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, session_id: SessionId, outputs_of_session: SessionOutputs, now: Millis) -> None:
        """See `OutputStore`."""
        shared = {
            "session_id": session_id,
            "destinations": msgspec.json.encode(outputs_of_session).decode(),
            "created_at": now,
            "attempts": 0,
            "retry_at": 0,
        }
        rows = [shared | {"kind": kind.value} for kind in _kinds(outputs_of_session)]
        await self._connections.write_all(*(insert(outputs).values(row) for row in rows))

    async def due(self, now: Millis, limit: int) -> Sequence[PendingOutput]:
        """See `OutputStore`."""
        return await self._waiting(now, or_(_IS_STREAMED, _IS_OVER), limit)

    async def unfinished(self, now: Millis, limit: int) -> Sequence[PendingOutput]:
        """See `OutputStore`."""
        return await self._waiting(now, and_(_UNFINISHED, ~_RUNNING), limit)

    async def of_session(self, session_id: str) -> Sequence[PendingOutput]:
        """See `OutputStore`."""
        rows = select(*_COLUMNS).where(outputs.c.session_id == session_id).order_by(outputs.c.kind)
        return [_pending(row) for row in await self._connections.read(rows)]

    async def acquire(self, output: PendingOutput, holder: str, now: Millis, until: Millis) -> bool:
        """See `OutputStore`."""
        free = or_(outputs.c.holder.is_(None), outputs.c.holder == holder, outputs.c.held_until < now)
        holding = update(outputs).where(_is(output), free).values(holder=holder, held_until=until)
        return await self._connections.write(holding) == 1

    async def release(self, holder: str) -> None:
        """See `OutputStore`."""
        releasing = update(outputs).where(outputs.c.holder == holder).values(holder=None, held_until=None)
        await self._connections.write(releasing)

    async def advance(self, output: PendingOutput, progress: str | None) -> None:
        """See `OutputStore`."""
        values = {"progress": progress, "attempts": 0, "failure": None, "retry_at": 0}
        await self._connections.write(update(outputs).where(_is(output)).values(values))

    async def fail(self, output: PendingOutput, failure: str, retry_at: Millis) -> None:
        """See `OutputStore`."""
        values = {"attempts": outputs.c.attempts + 1, "failure": failure[:_FAILURE], "retry_at": retry_at}
        await self._connections.write(update(outputs).where(_is(output)).values(values))

    async def deliver(self, output: PendingOutput, now: Millis) -> None:
        """See `OutputStore`."""
        values = {"delivered_at": now, "attempts": 0, "failure": None, "retry_at": 0}
        await self._connections.write(update(outputs).where(_is(output)).values(values))

    async def delete(self, session_id: str) -> None:
        """See `OutputStore`."""
        await self._connections.write(delete(outputs).where(outputs.c.session_id == session_id))

    async def backlog(self) -> OutputBacklog:
        """See `OutputStore`."""
        waiting = outputs.c.delivered_at.is_(None)
        counts = select(func.count(), func.count(outputs.c.failure)).where(waiting)
        failing = (
            select(*_COLUMNS)
            .where(waiting, outputs.c.failure.is_not(None))
            .order_by(outputs.c.created_at, outputs.c.session_id, outputs.c.kind)
            .limit(1)
        )
        (counted,) = await self._connections.read(counts)
        oldest = [_pending(row) for row in await self._connections.read(failing)]
        return OutputBacklog(counted[0], counted[1], oldest[0] if oldest else None)

    async def _waiting(self, now: Millis, which: ColumnElement[bool], limit: int) -> Sequence[PendingOutput]:
        waiting = (
            select(*_COLUMNS)
            .where(outputs.c.retry_at <= now, which)
            .order_by(outputs.c.retry_at, outputs.c.created_at, outputs.c.session_id, outputs.c.kind)
            .limit(limit)
        )
        return [_pending(row) for row in await self._connections.read(waiting)]


def _is(output: PendingOutput) -> ColumnElement[bool]:
    return and_(outputs.c.session_id == output.session_id, outputs.c.kind == output.kind.value)


def _kinds(outputs_of_session: SessionOutputs) -> list[OutputKind]:
    kinds = []
    if outputs_of_session.s3 is not None:
        kinds.append(OutputKind.S3)
    if outputs_of_session.cloud_watch is not None:
        streaming = outputs_of_session.cloud_watch.streaming
        kinds.append(OutputKind.CLOUD_WATCH_STREAM if streaming else OutputKind.CLOUD_WATCH)
    return kinds


def _pending(row: Record) -> PendingOutput:
    pending = PendingOutput(*row)
    destinations = msgspec.json.decode(str(pending.outputs), type=SessionOutputs)
    return replace(pending, kind=OutputKind(pending.kind), outputs=destinations, is_over=bool(pending.is_over))
