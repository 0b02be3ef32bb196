"""Session results on their way to the server: resent until acknowledged, and on every new control channel."""

import asyncio
import math
import uuid
from dataclasses import dataclass

from ferryman.agent.records import SessionRecord, SessionResult
from ferryman.wire.agent_message import AgentMessage, MessageType, PayloadType, encode
from ferryman.wire.payloads import encode_payload
from ferryman.wire.tasks import AgentTaskComplete

FIRST_RESEND = 1.0
LAST_RESEND = 60.0


@dataclass(slots=True)
class _Pending:
    record: SessionRecord
    result: SessionResult
    sends: int = 0
    due: float = 0.0


class Outbox:
    """Decides what to send and when; `now` is monotonic seconds. A result is resent after 1 s, 2 s … at most 60 s."""

    def __init__(self) -> None:
        self._pending: dict[str, _Pending] = {}
        self._empty = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, record: SessionRecord) -> None:
        """Add a record with a result, unless it is already here."""
        if record.result is not None:
            self._pending.setdefault(record.result.message_id, _Pending(record, record.result))

    def acknowledged(self, message_id: str) -> str | None:
        """Forget the result with this message id and return its session's id, None if there is none."""
        pending = self._pending.pop(message_id.lower(), None)
        if not self._pending:
            self._empty.set()
        return pending.record.session_id if pending else None

    async def emptied(self) -> None:
        """Wait until every result is acknowledged."""
        while self._pending:
            self._empty.clear()
            await self._empty.wait()

    def connected(self) -> None:
        """Make everything due again: what was sent on a lost channel may not have arrived."""
        for pending in self._pending.values():
            pending.due = 0.0

    def frames(self, now: float, wall_clock_ms: int) -> list[bytes]:
        """Return the frames that are due."""
        due = [pending for pending in self._pending.values() if pending.due <= now]
        for pending in due:
            pending.due = now + min(LAST_RESEND, FIRST_RESEND * 2**pending.sends)
            pending.sends = min(pending.sends + 1, 16)
        return [_frame(pending, wall_clock_ms) for pending in due]

    def next_due(self) -> float:
        """Return when `frames` has something again, infinity for never."""
        return min((pending.due for pending in self._pending.values()), default=math.inf)


def _frame(pending: _Pending, wall_clock_ms: int) -> bytes:
    """Return agent_task_complete; its message id is the result's, the same each time (`protocol/agent.md` §3.7)."""
    complete = AgentTaskComplete(
        task_id=pending.record.session_id,
        final_task_status=pending.result.status,
        instance_id=pending.record.node_id,
        output=pending.result.output,
        retry_number=pending.sends,
    )
    return encode(
        AgentMessage(
            message_type=MessageType.AGENT_TASK_COMPLETE,
            sequence_number=0,
            flags=0,
            message_id=uuid.UUID(pending.result.message_id),
            created_date=wall_clock_ms,
            payload_type=PayloadType.NONE,
            payload=encode_payload(complete),
        )
    )
