"""Checks of destinations: how many, for how long, and what is remembered of them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest

from ferryman.core.ports.recordings.outputs import TooManyChecks
from ferryman.recording.outputs import checks
from ferryman.recording.outputs.checks import Checks


class Destination:
    """Answers once it is let go, and counts how often it was asked."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.asked: list[str] = []
        self.error: Exception | None = None

    def question(self, name: str) -> Callable[[], None]:
        return partial(self._answer, name)

    def _answer(self, name: str) -> None:
        self.asked.append(name)
        self.may_answer.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def destination() -> Destination:
    return Destination()


@pytest.fixture
async def asking(destination: Destination) -> AsyncIterator[Checks]:
    made = Checks()
    yield made
    destination.may_answer.set()
    made.close()


def begin(asking: Checks, destination: Destination, name: str, person: str) -> "asyncio.Task[None]":
    return asyncio.create_task(asking.ask(name, person, destination.question(name)))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


async def test_one_person_may_have_only_so_many_checks_and_leaves_a_thread_to_others(
    asking: Checks, destination: Destination
) -> None:
    waiting = [begin(asking, destination, f"a{number}", "alice") for number in range(checks.MOST_OF_ONE_PERSON)]
    await asyncio.sleep(0)  # they begin
    with pytest.raises(TooManyChecks):
        await asking.ask("another", "alice", destination.question("another"))
    waiting.append(begin(asking, destination, "b", "bob"))
    await until(lambda: len(destination.asked) == 2)
    assert sorted(destination.asked) == ["a0", "b"]
    waiting.append(begin(asking, destination, "a0", "carol"))  # asked already
    destination.may_answer.set()
    await asyncio.gather(*waiting)
    assert destination.asked.count("a0") == 1
    await asking.ask("another", "alice", destination.question("another"))


async def test_all_people_together_may_have_only_so_many_checks(
    destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_CHECKS", 3)
    asking = Checks()
    waiting = [begin(asking, destination, name, name) for name in "abc"]
    await asyncio.sleep(0)
    with pytest.raises(TooManyChecks):
        await asking.ask("d", "d", destination.question("d"))
    destination.may_answer.set()
    await asyncio.gather(*waiting)
    asking.close()


async def test_nobody_waits_longer_than_the_limit_for_a_destination_that_does_not_answer(
    asking: Checks, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "CHECK_SECONDS", 0.01)
    with pytest.raises(TimeoutError):
        await asking.ask("a", "alice", destination.question("a"))
    with pytest.raises(TimeoutError):
        await asking.ask("a", "bob", destination.question("a"))
    await until(lambda: bool(destination.asked))  # by a thread, which may begin later
    assert destination.asked == ["a"]


@pytest.mark.parametrize(("error", "kept"), [(None, "KEPT_SECONDS"), (ValueError("no"), "FAILED_SECONDS")])
async def test_answer_holds_for_a_while(
    asking: Checks, destination: Destination, monkeypatch: pytest.MonkeyPatch, error: Exception | None, kept: str
) -> None:
    destination.may_answer.set()
    destination.error = error

    async def answer() -> Exception | None:
        try:
            await asking.ask("a", "alice", destination.question("a"))
        except ValueError as raised:
            return raised
        return None

    assert await answer() is error
    assert await answer() is error
    assert destination.asked == ["a"]
    monkeypatch.setattr(checks, kept, -1.0)
    asking._answers["a"].until = 0.0
    assert await answer() is error
    assert await answer() is error
    assert destination.asked == ["a", "a", "a"]


async def test_only_so_many_answers_are_kept(
    asking: Checks, destination: Destination, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MOST_ANSWERS", 2)
    destination.may_answer.set()
    for name in "abc":
        await asking.ask(name, "alice", destination.question(name))
    assert list(asking._answers) == ["b", "c"]
