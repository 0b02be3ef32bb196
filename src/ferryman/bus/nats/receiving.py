"""Subscriptions of NATS that cost little memory: a server has two for each of its nodes.

`nats-py` gives each subscription a queue and a task that waits for it, together 5 KiB. Our handlers do not wait: they
start tasks of their own, whose number is bounded. So each message is handled as it is read, in the library's form of a
subscription whose result is a future's: what stands in for the future gets every message.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

_UNUSED: "asyncio.Queue[Msg]" = asyncio.Queue()
"""Instead of each subscription's own queue; nothing is put into it."""
_log = structlog.get_logger("ferryman.bus.nats")


class _Receiver:
    """Has each message handled that a subscription gets; to the library it is a future that is never done."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Callable[[Msg], None]) -> None:
        self._handle = handle

    def cancelled(self) -> bool:
        return False

    def set_result(self, message: Msg) -> None:
        try:
            self._handle(message)
        except Exception:  # noqa: BLE001 boundary: a fault of one message must not end the connection
            _log.exception("message not handled", subject=message.subject)


async def receive(client: Client, subject: str, group: str, handle: Callable[[Msg], None]) -> Subscription:
    """Subscribe, in a queue group if `group` is not empty. `handle` is called with each message, and must not block."""
    receiver: Any = _Receiver(handle)
    subscription = await client.subscribe(subject, group, future=receiver)
    subscription._pending_queue = _UNUSED
    return subscription
