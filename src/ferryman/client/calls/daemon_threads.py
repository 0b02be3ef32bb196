"""Calls that block, in threads of their own."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


async def in_daemon_thread(call: Callable[[], _Result]) -> _Result:
    """Run `call` in a thread that the interpreter does not wait for at exit, unlike the executor's."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_Result] = loop.create_future()

    def settle(settle_future: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(lambda: None if future.done() else settle_future())
        except RuntimeError:
            return  # the loop is closed, so nobody is waiting

    def run() -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - passed on to the waiting task
            failure = error
            settle(lambda: future.set_exception(failure))
        else:
            settle(lambda: future.set_result(result))

    threading.Thread(target=run, name="service-call", daemon=True).start()
    return await future
