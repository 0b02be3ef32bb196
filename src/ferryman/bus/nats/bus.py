"""`core.ports.bus.Bus` over NATS.

Each subject with a subscriber has two of NATS's: `….ask.<subject>`, of a queue group, for what one server is to handle,
and `….tell.<subject>` for what all are to hear. Subscribers on the same bus are reached without NATS, so a server that
is cut off from NATS still reaches its own nodes.

If two servers have subscribers to one subject, the newest answers: whoever subscribes tells the others, who then stop
listening for requests. They listen again, within `_YIELDED_SECONDS`, when the newest is gone.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription
from nats.errors import Error

from ferryman.bus.delivery import Deliveries, Subscriber, check_size
from ferryman.bus.nats.connection import NatsOptions, lets_anybody_in
from ferryman.bus.nats.envelopes import (
    Absent,
    Answered,
    Asked,
    Failed,
    Holding,
    Probe,
    Publication,
    Reply,
    Request,
    decode_asked,
    decode_told,
    encode,
)
from ferryman.bus.nats.link import OPEN_SECONDS, NatsLink
from ferryman.bus.nats.receiving import receive
from ferryman.bus.nats.subjects import encode_subject
from ferryman.bus.spans import span_of_handling, span_of_request
from ferryman.core.ports.bus import MESSAGE_LIMIT, Handler, NoResponders, Subscription, Superseded
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.values.timing import Timing

_CONFIRM_SECONDS = 2.0
"""How long to wait for a new subscription. If that is not enough, the connection to NATS is about to be lost anyway."""
_YIELDED_SECONDS = 1.0
_ASKED_TOGETHER = 100
_GROUP = "servers"
_log = structlog.get_logger("ferryman.bus.nats")


@dataclass(slots=True)
class _Held:
    """A subject with subscribers on this bus, the newest last."""

    subject: str
    since: int
    subscribers: list[Subscriber] = field(default_factory=list)
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_confirmed: bool = False
    """NATS has sent back that this bus is the newest."""
    confirmation: asyncio.Future[None] | None = None
    """Done when it has, while somebody waits for that."""
    yielded: bool = False
    """Whether another server is newer."""
    ask: NatsSubscription | None = None
    tell: NatsSubscription | None = None

    @property
    def answers(self) -> bool:
        """Whether requests are for this bus."""
        return bool(self.subscribers) and not self.yielded


class _Subscription:
    """A subscriber until it is closed."""

    __slots__ = ("_bus", "_held", "_subscriber")

    def __init__(self, bus: "NatsBus", held: _Held, subscriber: Subscriber) -> None:
        self._bus = bus
        self._held = held
        self._subscriber = subscriber

    async def close(self) -> None:
        """Stop receiving; a handler that is running finishes. Idempotent."""
        if self._subscriber in self._held.subscribers:
            self._held.subscribers.remove(self._subscriber)
            await self._bus._release(self._held)


class NatsBus:
    """`core.ports.bus.Bus` between the servers that share a NATS. Made by `open_nats`; close it when done."""

    def __init__(self, options: NatsOptions, tracing: Tracing = NO_TRACING) -> None:
        self._tracing = tracing
        self._link = NatsLink(options, self._forget_client, self._resume)
        self._id = self._link.id
        self._held: dict[str, _Held] = {}
        self._deliveries = Deliveries()
        self._returning: asyncio.Task[None] | None = None
        self._requests = Timing()

    @property
    def is_connected(self) -> bool:
        """Whether other servers can be reached."""
        return self._link.is_connected

    @property
    def lets_anybody_in(self) -> bool:
        """Whether anybody who reaches NATS can use it, without a login."""
        return lets_anybody_in(self._link.client)

    @property
    def timings(self) -> Mapping[str, Timing]:
        """How long requests to other servers took, as `request`."""
        return {"request": self._requests}

    async def connect(self, seconds: float = OPEN_SECONDS) -> None:
        """Connect for the first time; raises `BusUnusable`."""
        await self._link.connect(seconds)

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> Subscription:
        """Receive what is sent to `subject` from the moment this returns, if NATS is there; else from when it is."""
        held = self._held.get(subject)
        if held is None:
            held = self._held[subject] = _Held(subject, _now())
        subscriber = Subscriber(subject, handler, superseded)
        held.subscribers.append(subscriber)
        try:
            async with held.changing:
                await self._announce(held)
        except BaseException:
            held.subscribers.remove(subscriber)
            await self._release(held)
            raise
        return _Subscription(self, held, subscriber)

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """Send to the newest subscriber and return its reply; raises as the port says."""
        check_size(payload)
        held = self._held.get(subject)
        if held is not None and held.answers:
            with self._tracing.child(*span_of_request(subject, "memory")):
                return await self._deliveries.request(held.subscribers[-1], payload, timeout)
        with self._tracing.child(*span_of_request(subject, "nats")):
            match await self._ask(subject, Request(payload, self._tracing.carried), timeout):
                case Reply(body):
                    return body
                case Absent():
                    raise NoResponders(subject)
                case Failed(reason):
                    raise TimeoutError(f"{subject}: {reason}")

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """Return which of the subjects have a subscriber."""
        here = {each for each in subjects if (held := self._held.get(each)) is not None and held.answers}
        asked, deadline = [each for each in subjects if each not in here], time.monotonic() + timeout
        for first in range(0, len(asked), _ASKED_TOGETHER):
            some, left = asked[first : first + _ASKED_TOGETHER], max(deadline - time.monotonic(), 0)
            answers = await asyncio.gather(*(self._ask(each, Probe(), left) for each in some), return_exceptions=True)
            here.update(each for each, answer in zip(some, answers, strict=True) if isinstance(answer, Reply))
        return frozenset(here)

    async def publish(self, subject: str, payload: bytes) -> None:
        """Send to every subscriber; it is not an error if there is none."""
        check_size(payload)
        held = self._held.get(subject)
        for subscriber in () if held is None else held.subscribers:
            self._deliveries.start(subscriber, payload)
        await self._link.send(self._tell_subject(subject), encode(Publication(self._id, payload)))

    async def drain(self) -> None:
        """Wait until everything sent so far has reached NATS, and what it sent here has been handled."""
        await self._link.round_trip(self._link.client)
        await self._deliveries.drain()
        await self._link.round_trip(self._link.client)

    async def close(self) -> None:
        """Remove every subscriber, cancel running handlers and disconnect; idempotent."""
        self._link.begin_closing()
        self._held.clear()
        await self._deliveries.cancel()
        await self._link.close()

    # Asking

    async def _ask(self, subject: str, asked: Asked, timeout: float) -> Answered:
        began = time.monotonic()
        self._requests.begin()
        try:
            return await self._link.ask(subject, self._ask_subject(subject), asked, timeout)
        finally:
            self._requests.end(time.monotonic() - began)

    def _asked(self, held: _Held, message: Msg) -> None:
        if self._link.closed:
            return
        try:
            asked = decode_asked(message.data)
        except msgspec.DecodeError as error:
            _log.warning("request not understood", subject=held.subject, reason=str(error))
            return
        if not held.subscribers:
            self._link.spawn(self._link.send(message.reply, encode(Absent())))
        elif isinstance(asked, Probe):
            self._link.spawn(self._link.send(message.reply, encode(Reply(b""))))
        elif (task := self._handle(held, asked)) is None:
            self._link.spawn(self._link.send(message.reply, encode(Failed("too many messages are waiting"))))
        else:
            self._link.spawn(self._reply(message.reply, task))

    def _handle(self, held: _Held, asked: Request) -> "asyncio.Task[bytes] | None":
        if asked.trace is None:
            return self._deliveries.start(held.subscribers[-1], asked.body)
        span = self._tracing.continued(asked.trace, *span_of_handling(held.subject, "nats"))
        return self._deliveries.start(held.subscribers[-1], asked.body, span)

    async def _reply(self, to: str, task: "asyncio.Task[bytes]") -> None:
        await asyncio.wait({task})
        answer: Answered
        if task.cancelled() or task.exception() is not None:
            answer = Failed("the handler failed")
        elif len(task.result()) > MESSAGE_LIMIT:
            answer = Failed("the reply is too large")
        else:
            answer = Reply(task.result())
        await self._link.send(to, encode(answer))

    # Holding subjects

    async def _announce(self, held: _Held) -> None:
        """Receive what is sent to a subject, as the newest; call it with `held.changing`."""
        held.yielded, held.since = False, _now()
        if not self.is_connected:
            return  # `_resume` does it
        held.is_confirmed = False
        held.confirmation = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_CONFIRM_SECONDS):
                await self._listen(held)
                await self._link.send(
                    self._tell_subject(held.subject), encode(Holding(self._id, held.since, taken=True))
                )
                await held.confirmation
        except TimeoutError:
            _log.warning("a subscription is late", subject=held.subject)
        finally:
            held.confirmation = None

    async def _listen(self, held: _Held) -> None:
        try:
            if held.tell is None:
                held.tell = await receive(
                    self._link.client, self._tell_subject(held.subject), "", partial(self._told, held)
                )
            if held.ask is None and not held.yielded:
                held.ask = await receive(
                    self._link.client, self._ask_subject(held.subject), _GROUP, partial(self._asked, held)
                )
        except Error as error:  # the client was closed: `_reopen` has another soon
            _log.warning("a subscription is late", subject=held.subject, reason=str(error))

    async def _release(self, held: _Held) -> None:
        """Stop listening to a subject if it has no subscriber left."""
        async with held.changing:
            if held.subscribers:
                return
            if self._held.get(held.subject) is held:
                del self._held[held.subject]
            stopped, held.ask, held.tell = (held.ask, held.tell), None, None
            await self._stop(*stopped)

    async def _stop(self, *subscriptions: NatsSubscription | None) -> None:
        """Unsubscribe, even if the caller is cancelled. What NATS sends until it knows is still answered."""
        work = [self._link.spawn(self._unsubscribe(each)) for each in subscriptions if each is not None]
        await asyncio.shield(asyncio.gather(*work, return_exceptions=True))

    async def _unsubscribe(self, subscription: NatsSubscription) -> None:
        """Not by the client's own `drain`: its ping may overtake what it sends before, so NATS might not know yet."""
        client: Client = subscription._conn
        try:
            if self.is_connected:
                async with asyncio.timeout(_CONFIRM_SECONDS):
                    await client._send_unsubscribe(subscription._id)
                    await self._link.round_trip(client)
        except (Error, TimeoutError) as error:  # the connection is lost, and with it what NATS knows of us
            _log.debug("unsubscribed without an answer", reason=str(error))
        finally:
            client._remove_sub(subscription._id)
            subscription._stop_processing()

    def _told(self, held: _Held, message: Msg) -> None:
        if self._link.closed:
            return
        try:
            told = decode_told(message.data)
        except msgspec.DecodeError as error:
            _log.warning("message not understood", subject=held.subject, reason=str(error))
            return
        if isinstance(told, Holding):
            self._other_holds(held, told)
        elif told.origin != self._id:
            for subscriber in held.subscribers:
                self._deliveries.start(subscriber, told.body)

    def _other_holds(self, held: _Held, told: Holding) -> None:
        if told.origin == self._id:
            held.is_confirmed = True
            if held.confirmation is not None and not held.confirmation.done():
                held.confirmation.set_result(None)
        elif told.taken:
            # One that NATS passed on before our own is older than ours.
            if held.is_confirmed:
                self._link.spawn(self._yield(held))
        elif (told.since, told.origin) > (held.since, self._id):
            self._link.spawn(self._yield(held))
        elif held.answers:
            mine = Holding(self._id, held.since, taken=False)
            self._link.spawn(self._link.send(self._tell_subject(held.subject), encode(mine)))

    async def _yield(self, held: _Held) -> None:
        """Leave a subject's requests to another server, for as long as that one is connected."""
        async with held.changing:
            if held.subscribers and not held.yielded:
                held.yielded = True
                asked, held.ask = held.ask, None
                for subscriber in held.subscribers:
                    subscriber.superseded()
                await self._stop(asked)
        if self._returning is None or self._returning.done():
            self._returning = self._link.spawn(self._return())

    async def _return(self) -> None:
        """Answer requests again where the newer server has gone."""
        while yielded := [held for held in self._held.values() if held.yielded]:
            await asyncio.sleep(_YIELDED_SECONDS)
            await self._link.until_connected()
            for held in yielded:
                try:
                    answer = await self._ask(held.subject, Probe(), _YIELDED_SECONDS)
                except TimeoutError:
                    continue
                async with held.changing:
                    if isinstance(answer, Absent) and held.subscribers and held.yielded:
                        held.yielded = False
                        await self._listen(held)

    # The connection

    def _forget_client(self) -> None:
        for held in self._held.values():
            held.ask = held.tell = None

    async def _resume(self) -> None:
        """After a loss, find out for each subject whether another server has become the newest in the meantime."""
        for held in list(self._held.values()):
            async with held.changing:
                if held.subscribers:
                    await self._listen(held)
                    held.is_confirmed = True
                    mine = Holding(self._id, held.since, taken=False)
                    await self._link.send(self._tell_subject(held.subject), encode(mine))
            await asyncio.sleep(0)

    def _ask_subject(self, subject: str) -> str:
        return f"{self._link.root}.ask.{encode_subject(subject)}"

    def _tell_subject(self, subject: str) -> str:
        return f"{self._link.root}.tell.{encode_subject(subject)}"


async def open_nats(options: NatsOptions, seconds: float = OPEN_SECONDS, tracing: Tracing = NO_TRACING) -> NatsBus:
    """Return a connected bus; raises `BusUnusable` if NATS cannot be reached for `seconds`, or refuses."""
    bus = NatsBus(options, tracing)
    await bus.connect(seconds)
    return bus


def _now() -> int:
    return time.time_ns() // 1_000_000
