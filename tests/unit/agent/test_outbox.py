"""Results are sent until they are acknowledged."""

import asyncio
import math

import msgspec

from ferryman.agent.outbox import Outbox
from ferryman.agent.records import FAILED, SessionRecord, new_result
from ferryman.wire.agent_message import AgentMessage, decode
from ferryman.wire.payloads import decode_payload
from ferryman.wire.tasks import AgentTaskComplete
from tests.waiting import PATIENCE

RECORD = SessionRecord("alice-1", "mi-1", 0.0, result=new_result(FAILED, "why"))
NOW_MS = 1_700_000_000_000


def sent(outbox: Outbox, now: float) -> list[tuple[AgentMessage, AgentTaskComplete]]:
    messages = [decode(frame) for frame in outbox.frames(now, NOW_MS)]
    return [(message, decode_payload(message.payload, AgentTaskComplete)) for message in messages]


def test_a_result_holds_what_the_server_needs() -> None:
    outbox = Outbox()
    outbox.add(RECORD)
    [(message, complete)] = sent(outbox, 10.0)
    assert message.message_type == "agent_task_complete"
    assert RECORD.result is not None
    assert str(message.message_id) == RECORD.result.message_id
    assert (complete.task_id, complete.instance_id) == ("alice-1", "mi-1")
    assert (complete.final_task_status, complete.output, complete.retry_number) == ("Failed", "why", 1)


def test_it_is_repeated_ever_more_slowly_until_acknowledged() -> None:
    outbox = Outbox()
    outbox.add(RECORD)
    now, gaps = 0.0, []
    for attempt in range(12):
        [(message, complete)] = sent(outbox, now)
        assert complete.retry_number == attempt + 1
        assert sent(outbox, now) == []
        gaps.append(outbox.next_due() - now)
        now = outbox.next_due()
    assert gaps[:3] == [1.0, 2.0, 4.0]
    assert gaps[-1] == 60.0
    assert outbox.acknowledged(str(message.message_id).upper()) == "alice-1"
    assert outbox.acknowledged(str(message.message_id)) is None
    assert (len(outbox), outbox.next_due()) == (0, math.inf)


def test_a_new_channel_makes_everything_due() -> None:
    outbox = Outbox()
    outbox.add(RECORD)
    sent(outbox, 5.0)
    outbox.connected()
    assert len(sent(outbox, 5.0)) == 1


def test_a_result_is_collected_once_and_a_running_session_never() -> None:
    outbox = Outbox()
    outbox.add(RECORD)
    outbox.add(RECORD)
    outbox.add(msgspec.structs.replace(RECORD, result=None))
    assert len(outbox) == 1


async def test_emptied_waits_for_the_last_acknowledgement() -> None:
    outbox = Outbox()
    await outbox.emptied()
    other = msgspec.structs.replace(RECORD, result=new_result(FAILED))
    outbox.add(RECORD)
    outbox.add(other)
    waiting = asyncio.create_task(outbox.emptied())
    for record in (RECORD, other):
        await asyncio.sleep(0)
        assert not waiting.done()
        assert record.result is not None
        outbox.acknowledged(record.result.message_id)
    async with asyncio.timeout(PATIENCE):
        await waiting
