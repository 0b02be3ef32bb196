"""A burst is spread over several turns of the event loop, and nobody waits for all of somebody else's."""

import asyncio
from functools import partial

from ferryman.server.listener.pacing import STEPS, Paced


async def test_few_steps_are_taken_in_one_turn_of_the_event_loop() -> None:
    paced, taken = Paced(), list[int]()
    for number in range(3 * STEPS):
        paced.soon(partial(taken.append, number))
    seen = []
    for _ in range(4):
        await asyncio.sleep(0)
        seen.append(len(taken))
    assert seen == [STEPS, 2 * STEPS, 3 * STEPS, 3 * STEPS]
    assert taken == sorted(taken)


async def test_those_who_want_steps_take_turns() -> None:
    paced, taken = Paced(), list[str]()
    for holder in [*["many"] * 5 * STEPS, "one"]:
        paced.soon(partial(taken.append, holder), holder)
    await asyncio.sleep(0)
    assert taken == ["many", "one", *["many"] * (STEPS - 2)]


async def test_steps_that_wait_can_be_taken_immediately() -> None:
    paced, taken = Paced(), list[int]()
    for number in range(3 * STEPS):
        paced.soon(partial(taken.append, number))
    paced.hurry()
    assert len(taken) == 3 * STEPS
    await asyncio.sleep(0)
    await asyncio.wait_for(paced.turn(), 10)


async def test_a_step_that_fails_does_not_hold_up_others() -> None:
    paced, taken = Paced(), list[int]()
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))
    paced.soon(lambda: taken.append(1 // 0))
    paced.soon(lambda: taken.append(1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken == [1]
    assert [type(each) for each in failures] == [ZeroDivisionError]
