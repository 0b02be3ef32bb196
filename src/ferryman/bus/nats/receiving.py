"""Subscriptions of NATS that cost little memory: a server has two for each of its nodes.

`nats-py` gives each subscription a queue and a task that waits for it, together 5 KiB. Our handlers do not wait: they
start tasks of their own, whose number is bounded. So each message is handled as it is read: the library can deliver a
subscription's message to a future, and an object that stands in for that future gets every message.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

_UNUSED: "asyncio.Queue[Msg]" = asyncio.Queue()
"""Shared in place of each subscription's own queue; nothing is put into it."""
_log = structlog.get_logger("ferryman.bus.nats")


class _Receiver:
    """Passes each message of a subscription to its handler; to the library it is a future that is never done."""

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
