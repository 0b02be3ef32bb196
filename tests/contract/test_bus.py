"""What every adapter of the bus port must do."""

import asyncio

import pytest

from ferryman.core.ports.bus import MESSAGE_LIMIT, Handler, MessageTooLarge, NoResponders
from tests.contract.conftest import ClosableBus
from tests.waiting import PATIENCE


def answering(reply: bytes) -> Handler:
    async def handle(payload: bytes) -> bytes:
        return reply + payload

    return handle


async def test_a_request_gets_its_reply(bus: ClosableBus) -> None:
    await bus.subscribe("a.b", answering(b"got "))
    assert await bus.request("a.b", b"x", timeout=PATIENCE) == b"got x"


async def test_nobody_is_known_at_first(bus: ClosableBus) -> None:
    await bus.subscribe("a", answering(b""))
    for subject in ("b", "a.b", ""):
        with pytest.raises(NoResponders):
            await asyncio.wait_for(bus.request(subject, b"", timeout=PATIENCE), PATIENCE)


async def test_subjects_that_somebody_subscribed_to_are_known_together(bus: ClosableBus) -> None:
    first = await bus.subscribe("a", answering(b""))
    second = await bus.subscribe("a", answering(b""))
    await bus.subscribe("b", answering(b""))
    asked = ("a", "b", "c", "a.b", "")
    assert await bus.subscribed(asked, timeout=PATIENCE) == {"a", "b"}
    await second.close()
    assert await bus.subscribed(asked, timeout=PATIENCE) == {"a", "b"}
    await first.close()
    assert await bus.subscribed(asked, timeout=PATIENCE) == {"b"}
    assert await bus.subscribed((), timeout=PATIENCE) == frozenset()


async def test_the_newest_subscriber_answers(bus: ClosableBus) -> None:
    await bus.subscribe("a", answering(b"old"))
    newest = await bus.subscribe("a", answering(b"new"))
    assert await bus.request("a", b"", timeout=PATIENCE) == b"new"
    await newest.close()
    assert await bus.request("a", b"", timeout=PATIENCE) == b"old"


async def test_a_closed_subscription_hears_nothing_and_closes_twice(bus: ClosableBus) -> None:
    subscription = await bus.subscribe("a", answering(b""))
    await subscription.close()
    await subscription.close()
    with pytest.raises(NoResponders):
        await bus.request("a", b"", timeout=PATIENCE)


async def test_publishing_reaches_every_subscriber_in_order(bus: ClosableBus) -> None:
    heard: list[tuple[str, bytes]] = []

    def listener(name: str) -> Handler:
        async def handle(payload: bytes) -> bytes:
            await asyncio.sleep(0)
            heard.append((name, payload))
            return b""

        return handle

    for name in ("x", "y"):
        await bus.subscribe("a", listener(name))
    for number in range(20):
        await bus.publish("a", bytes([number]))
    await bus.drain()
    for name in ("x", "y"):
        assert [payload for who, payload in heard if who == name] == [bytes([number]) for number in range(20)]


async def test_publishing_without_subscribers_is_not_an_error(bus: ClosableBus) -> None:
    await bus.publish("nobody", b"x")


async def test_publishing_does_not_wait_for_handlers(bus: ClosableBus) -> None:
    gate = asyncio.Event()

    async def slow(payload: bytes) -> bytes:
        await gate.wait()
        return b""

    await bus.subscribe("a", slow)
    await asyncio.wait_for(bus.publish("a", b""), PATIENCE)
    gate.set()
    await bus.drain()


async def test_a_handler_sees_one_message_at_a_time(bus: ClosableBus) -> None:
    inside = 0
    most = 0

    async def handle(payload: bytes) -> bytes:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return payload

    await bus.subscribe("a", handle)
    replies = await asyncio.gather(*(bus.request("a", bytes([n]), timeout=PATIENCE) for n in range(50)))
    assert replies == [bytes([n]) for n in range(50)]
    assert most == 1


async def test_subjects_do_not_wait_for_each_other(bus: ClosableBus) -> None:
    gate = asyncio.Event()

    async def stuck(payload: bytes) -> bytes:
        await gate.wait()
        return b"late"

    await bus.subscribe("stuck", stuck)
    await bus.subscribe("free", answering(b"ok"))
    waiting = asyncio.create_task(bus.request("stuck", b"", timeout=PATIENCE))
    assert await bus.request("free", b"", timeout=PATIENCE) == b"ok"
    gate.set()
    assert await waiting == b"late"


async def test_a_late_reply_is_a_timeout_and_the_handler_continues(bus: ClosableBus) -> None:
    gate, finished = asyncio.Event(), asyncio.Event()

    async def slow(payload: bytes) -> bytes:
        await gate.wait()
        finished.set()
        return b""

    await bus.subscribe("a", slow)
    with pytest.raises(TimeoutError):
        await bus.request("a", b"", timeout=0.01)
    gate.set()
    await asyncio.wait_for(finished.wait(), PATIENCE)


async def test_a_handler_that_fails_sends_no_reply_and_stays_subscribed(bus: ClosableBus) -> None:
    async def moody(payload: bytes) -> bytes:
        if payload == b"bad":
            raise ValueError("bad")
        return b"fine"

    await bus.subscribe("a", moody)
    with pytest.raises(TimeoutError):
        await bus.request("a", b"bad", timeout=0.2)
    assert await bus.request("a", b"good", timeout=PATIENCE) == b"fine"


async def test_closing_leaves_nothing_under_way(bus: ClosableBus) -> None:
    async def stuck(payload: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    await bus.subscribe("a", stuck)
    waiting = asyncio.create_task(bus.request("a", b"", timeout=PATIENCE))
    await bus.publish("a", b"")
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises((TimeoutError, NoResponders)):
        await waiting
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_messages_and_replies_have_up_to_a_million_bytes(bus: ClosableBus) -> None:
    async def echo(payload: bytes) -> bytes:
        return payload

    await bus.subscribe("a", echo)
    assert await bus.request("a", bytes(MESSAGE_LIMIT), timeout=PATIENCE) == bytes(MESSAGE_LIMIT)
    for sending in (bus.request("a", bytes(MESSAGE_LIMIT + 1), timeout=PATIENCE), bus.publish("a", bytes(2**20))):
        with pytest.raises(MessageTooLarge):
            await sending


async def test_subjects_may_have_what_other_programs_give_a_meaning(bus: ClosableBus) -> None:
    for subject in ("control.*", "control.>", "control.a b", "control.mi-1\r\nPUB x", "control.é%2E", "x" * 5000):
        await bus.subscribe(subject, answering(subject.encode()))
        assert await bus.request(subject, b"", timeout=PATIENCE) == subject.encode()
    with pytest.raises(NoResponders):
        await bus.request("control.mi-1", b"", timeout=PATIENCE)
