"""A bus's link to NATS: sends, asks, and connects again, whatever happens to the connection."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from nats.aio.client import Client
from nats.errors import Error, SlowConsumerError

from ferryman.bus.faults import BusUnusable
from ferryman.bus.nats.connection import Events, NatsOptions, lets_anybody_in, open_connection
from ferryman.bus.nats.envelopes import VERSION, Absent, Answered, Asked, encode
from ferryman.bus.nats.inbox import Inbox

OPEN_SECONDS = 10.0
"""How long to try the first connection."""
_REOPEN_SECONDS = 1.0
_SETTLING_SECONDS = 2.0
"""How long other servers may need to be back after the loss of NATS."""
_ASK_AGAIN_SECONDS = 0.1
_PENDING_BYTES = 4 * 1024 * 1024
"""Unsent bytes, beyond which messages are lost."""
_log = structlog.get_logger("ferryman.bus.nats")


class NatsLink:
    """The connection of one bus, `id`, under whose `root` all subjects are.

    `on_new_client` is called when subscriptions must be made again, `on_back` whenever NATS is there again.
    """

    def __init__(
        self, options: NatsOptions, on_new_client: Callable[[], None], on_back: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._options = options
        self._on_new_client = on_new_client
        self._on_back = on_back
        self.id = secrets.token_hex(8)
        self.root = f"{options.prefix}.{VERSION}"
        self._inbox = Inbox(f"{self.root}.answer.{self.id}")
        self._tasks: set[asyncio.Task[Any]] = set()
        self._connected = asyncio.Event()
        self._settled_at = 0.0
        self._lost_messages = 0
        self._returns = 0
        """How often NATS was back since `on_back` last began, while it runs."""
        self.closed = False
        self.client = Client()

    @property
    def is_connected(self) -> bool:
        """Whether other servers can be reached."""
        return self._connected.is_set() and not self.closed

    async def until_connected(self) -> None:
        """Wait until NATS is there, or the bus is closed."""
        await self._connected.wait()

    async def connect(self, seconds: float) -> None:
        """Connect for the first time; raises `BusUnusable`."""
        self.client = await self._open(seconds)
        if lets_anybody_in(self.client):
            _log.warning(
                "NATS asks for no login, so anybody who reaches it controls nodes", servers=self._options.place
            )
        await self._inbox.listen(self.client)
        self._connected.set()

    def begin_closing(self) -> None:
        """Fail every request, and begin no others."""
        self.closed = True
        self._connected.set()  # whoever waits for it finds the bus closed
        self._inbox.lose("the bus was closed")

    async def close(self) -> None:
        """Disconnect; idempotent."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()

    async def ask(self, subject: str, to: str, asked: Asked, timeout: float) -> Answered:
        """Return a server's answer to what is sent to NATS's subject `to`, for `subject`; raises TimeoutError."""
        data = encode(asked)
        try:
            async with asyncio.timeout(timeout) as limit:
                while True:
                    await self._connected.wait()
                    if self.closed:
                        raise TimeoutError(f"{subject}: the bus was closed")
                    if not self._has_room(data):
                        raise TimeoutError(f"{subject}: too much waits to be sent to NATS")
                    answer = await self._inbox.ask(self.client, to, data)
                    if not isinstance(answer, Absent) or time.monotonic() > self._settled_at:
                        return answer
                    await asyncio.sleep(_ASK_AGAIN_SECONDS)
        except Error as error:
            raise TimeoutError(f"{subject}: {error}") from error
        except TimeoutError as error:
            if not limit.expired():
                raise
            missing = "no reply" if self._connected.is_set() else "NATS was not reachable"
            raise TimeoutError(f"{subject}: {missing} within {timeout} s") from error

    async def round_trip(self, client: Client) -> None:
        """Wait until NATS has handled everything sent before; its answers have arrived then."""
        await self._inbox.ask(client, f"{self.root}.nobody", b"")

    async def send(self, subject: str, data: bytes) -> None:
        """Send, at most once: messages that NATS cannot accept are lost and counted."""
        if self._has_room(data):
            try:
                await self.client.publish(subject, data)
            except Error as error:
                _log.debug("message lost", reason=str(error))
            else:
                return
        if not self._lost_messages:
            _log.warning("messages to other servers are being lost", servers=self._options.place)
        self._lost_messages += 1

    def _has_room(self, data: bytes) -> bool:
        return self.client.pending_data_size + len(data) <= _PENDING_BYTES

    def spawn(self, work: "Awaitable[None]") -> "asyncio.Task[None]":
        """Run something until it ends, or the bus is closed; an error is logged."""

        async def run() -> None:
            await work

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("bus failed", exc_info=error)

    async def _open(self, seconds: float) -> Client:
        events = Events(self._went_wrong, self._was_lost, self._is_back, self._has_closed)
        return await open_connection(self._options, seconds, events)

    async def _went_wrong(self, error: Exception) -> None:
        if isinstance(error, SlowConsumerError):
            self._lost_messages += 1
            return
        _log.debug("nats", reason=str(error))

    async def _was_lost(self) -> None:
        if self.closed:
            return
        self._connected.clear()
        self._inbox.lose("the connection to NATS was lost")
        _log.warning("nats lost", servers=self._options.place)

    async def _is_back(self) -> None:
        self._settled_at = time.monotonic() + _SETTLING_SECONDS
        self._connected.set()
        _log.info("nats connected", servers=self._options.place, lost_messages=self._lost_messages)
        self._lost_messages = 0
        self._returns += 1
        if self._returns == 1:
            self.spawn(self._return())

    async def _return(self) -> None:
        """Report that NATS is back, and once more for all returns in the meantime, however often the connection
        flaps."""
        try:
            while handled := self._returns:
                await self._on_back()
                self._returns -= handled
        finally:
            self._returns = 0

    async def _has_closed(self) -> None:
        if not self.closed:
            self._connected.clear()
            self._inbox.lose("NATS closed the connection")
            self.spawn(self._reopen())

    async def _reopen(self) -> None:
        """Connect with a new client: NATS made the last one give up, for example because its login expired."""
        while True:
            try:
                client = await self._open(OPEN_SECONDS)
                break
            except BusUnusable as error:
                _log.warning("nats cannot be reached", servers=error.place, reason=error.cause)
                await asyncio.sleep(_REOPEN_SECONDS)
        self.client = client
        self._on_new_client()
        await self._inbox.listen(client)
        await self._is_back()
