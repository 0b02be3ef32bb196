"""Notices of access requests: signed, in order, retried so many times, given up."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest

from ferryman.audit import notices
from ferryman.audit.notices import TRIES, WAITING, QueuedNotices, SeveralNotices, Undeliverable, to_webhook
from ferryman.audit.sinks.sink import Sign, Undelivered
from ferryman.audit.sinks.webhook import SIGNATURE, TIMESTAMP, signature
from ferryman.model.identifiers import Millis
from ferryman.model.values.secret import Secret
from tests.waiting import PATIENCE

SECRET = Secret("0123456789abcdef")


class FarEnd:
    """What notices are posted to. `answers` are given first, one a post; then it takes everything."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.posts: list[tuple[str, Mapping[str, str], bytes]] = []
        self.taken: list[str] = []
        self.idle = asyncio.Event()

    async def send(
        self, method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], body: bytes, sign: Sign | None
    ) -> int:
        self.posts.append((f"{method} {raw_path}?{raw_query}", headers, body))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, Exception):
            raise answer
        if 200 <= answer < 300:
            self.taken.append(json.loads(body)["id"])
            self.idle.set()
        return answer

    async def until_taken(self, entry_id: str) -> None:
        async with asyncio.timeout(PATIENCE):
            while entry_id not in self.taken:
                self.idle.clear()
                await self.idle.wait()


@asynccontextmanager
async def posting(far_end: FarEnd) -> AsyncIterator[QueuedNotices]:
    clock = iter(range(5000, 10_000_000, 1000))
    deliver = to_webhook(far_end, "/hook", "a=b", SECRET, lambda: Millis(next(clock)))
    told = QueuedNotices(deliver, first_retry=0.0001)
    running = asyncio.create_task(told.run())
    yield told
    running.cancel()
    await asyncio.wait({running})


async def test_notices_are_posted_in_order_and_signed() -> None:
    far_end = FarEnd()
    async with posting(far_end) as told:
        for name in ("a", "b", "c"):
            told.put({"id": name, "detail": {"reason": "é"}})
        await far_end.until_taken("c")
    assert far_end.taken == ["a", "b", "c"]
    for place, (target, headers, body) in enumerate(far_end.posts):
        assert target == "POST /hook?a=b"
        assert headers[TIMESTAMP] == str(5 + place)
        assert headers[SIGNATURE] == signature(SECRET, headers[TIMESTAMP], body)


async def test_undelivered_notices_are_retried_with_a_new_signature() -> None:
    far_end = FarEnd(500, Undelivered("no answer"), 302, 429)
    async with posting(far_end) as told:
        told.put({"id": "a"})
        await far_end.until_taken("a")
    assert len(far_end.posts) == 5
    assert len({headers[TIMESTAMP] for _, headers, _ in far_end.posts}) == 5


async def test_a_notice_that_is_never_accepted_does_not_block_the_next() -> None:
    far_end = FarEnd(*[503] * TRIES)
    async with posting(far_end) as told:
        told.put({"id": "a"})
        told.put({"id": "b"})
        await far_end.until_taken("b")
    assert far_end.taken == ["b"]
    assert len(far_end.posts) == TRIES + 1
    waits = sum(notices.FIRST_RETRY * 2**n for n in range(TRIES - 1))
    assert waits < 60


async def test_tries_are_further_and_further_apart_and_the_last_is_not_waited_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(notices, "asyncio", SimpleNamespace(sleep=sleep, Event=asyncio.Event))
    told = QueuedNotices(to_webhook(FarEnd(*[503] * TRIES), "/", "", SECRET, lambda: Millis(1)))
    await told._deliver_with_retries({"id": "a"})
    assert waits == [1, 2, 4, 8, 16]


@pytest.mark.parametrize("answer", [Undeliverable("no such person"), 400, 403, 413, KeyError("cannot be made")])
async def test_a_notice_that_is_refused_for_good_is_not_tried_again(answer: int | Exception) -> None:
    """Otherwise one that the receiver does not like keeps all others waiting for half a minute."""
    far_end = FarEnd(answer)
    async with posting(far_end) as told:
        told.put({"id": "a"})
        told.put({"id": "b"})
        await far_end.until_taken("b")
    assert [json.loads(body)["id"] for _, _, body in far_end.posts] == ["a", "b"]


async def test_a_receiver_that_fails_does_not_delay_another() -> None:
    failing, working = FarEnd(*[503] * 1000), FarEnd()
    async with posting(failing) as first, posting(working) as second:
        told = SeveralNotices([first, second])
        for name in ("a", "b"):
            told.put({"id": name})
        await working.until_taken("b")
    assert failing.taken == []


async def test_the_oldest_of_too_many_notices_are_dropped() -> None:
    far_end = FarEnd()
    told = QueuedNotices(to_webhook(far_end, "/", "", SECRET, lambda: Millis(1)))
    for number in range(WAITING + 5):
        told.put({"id": str(number)})
    running = asyncio.create_task(told.run())
    await far_end.until_taken(str(WAITING + 4))
    running.cancel()
    await asyncio.wait({running})
    assert far_end.taken == [str(number) for number in range(5, WAITING + 5)]
