"""The requests of one bus that wait for their answers."""

import asyncio
import itertools

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from ferryman.bus.nats.envelopes import Absent, Answered, decode_answered

_NO_RESPONDERS = "503"
_log = structlog.get_logger("ferryman.bus.nats")


class Inbox:
    """One subscription to all answers; a number in the subject says to which request each belongs."""

    def __init__(self, subject: str) -> None:
        self._subject = subject
        self._numbers = itertools.count()
        self._waiting: dict[str, asyncio.Future[Answered]] = {}

    async def listen(self, client: Client) -> None:
        """Receive answers through a client, until it is closed."""
        await client.subscribe(f"{self._subject}.*", cb=self._answered)

    async def ask(self, client: Client, subject: str, data: bytes) -> Answered:
        """Send a request and wait for its answer; `Absent` if nobody subscribes. Raises TimeoutError if it is lost."""
        number = str(next(self._numbers))
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            await client.publish(subject, data, reply=f"{self._subject}.{number}")
            return await future
        finally:
            del self._waiting[number]

    def lose(self, reason: str) -> None:
        """Fail every request: its answer will not come, whether or not it was handled."""
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(TimeoutError(reason))

    async def _answered(self, message: Msg) -> None:
        future = self._waiting.get(message.subject.rpartition(".")[2])
        if future is None or future.done():
            return  # the requester has given up
        if not message.data and (message.headers or {}).get("Status") == _NO_RESPONDERS:
            future.set_result(Absent())
            return
        try:
            future.set_result(decode_answered(message.data))
        except msgspec.DecodeError as error:
            _log.warning("answer not understood", reason=str(error))
            future.set_exception(TimeoutError("the answer was not understood"))
