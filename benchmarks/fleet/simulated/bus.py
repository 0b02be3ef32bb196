"""What stands in for NATS between simulated servers: nothing is lost, nothing takes time, and the newest one wins."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferryman.bus.delivery import Deliveries, Subscriber
from ferryman.core.ports.bus import Handler, NoResponders, Superseded
from ferryman.model.values.timing import Timing


@dataclass(slots=True, eq=False)
class _Subscription:
    """One server's subscriber."""

    bus: "ServerBus"
    subscriber: Subscriber

    async def close(self) -> None:
        """Stop receiving."""
        self.bus.nats.remove(self)


class SimulatedNats:
    """The subscribers of all servers, by subject, the newest last; counts the messages that NATS would carry."""

    def __init__(self) -> None:
        self.messages = 0
        self._subscriptions: dict[str, list[_Subscription]] = {}

    def add(self, subscription: _Subscription) -> None:
        """Add a subscriber; those of other servers are superseded."""
        present = self._subscriptions.setdefault(subscription.subscriber.subject, [])
        older = [each for each in present if each.bus is not subscription.bus]
        present.append(subscription)
        self.messages += 1
        for each in older:
            each.subscriber.superseded()

    def remove(self, subscription: _Subscription) -> None:
        """Remove a subscriber, if it is there."""
        subject = subscription.subscriber.subject
        present = self._subscriptions.get(subject, [])
        if subscription in present:
            present.remove(subscription)
            self.messages += 1
            if not present:
                del self._subscriptions[subject]

    def of(self, subject: str) -> Sequence[_Subscription]:
        """Return the subscribers of a subject."""
        return self._subscriptions.get(subject, ())

    def lose(self, bus: "ServerBus") -> None:
        """Remove all subscribers of a server."""
        for each in list(itertools.chain.from_iterable(self._subscriptions.values())):
            if each.bus is bus:
                self.remove(each)


class ServerBus:
    """`core.ports.bus.Bus` of one simulated server."""

    is_connected = True

    def __init__(self, nats: SimulatedNats) -> None:
        self.nats = nats
        self._deliveries = Deliveries()
        self._requests = Timing()

    @property
    def timings(self) -> Mapping[str, Timing]:
        """Nothing: requests take no time."""
        return {"request": self._requests}

    async def subscribe(self, subject: str, handler: Handler, superseded: Superseded | None = None) -> _Subscription:
        """See `core.ports.bus.Bus`."""
        subscription = _Subscription(self, Subscriber(subject, handler, superseded))
        self.nats.add(subscription)
        return subscription

    async def request(self, subject: str, payload: bytes, *, timeout: float) -> bytes:
        """See `core.ports.bus.Bus`."""
        found = self.nats.of(subject)
        self.nats.messages += 2
        if not found:
            raise NoResponders(subject)
        return await self._deliveries.request(found[-1].subscriber, payload, timeout)

    async def subscribed(self, subjects: Sequence[str], *, timeout: float) -> frozenset[str]:
        """See `core.ports.bus.Bus`."""
        self.nats.messages += 2 * len(subjects)
        return frozenset(each for each in subjects if self.nats.of(each))

    async def publish(self, subject: str, payload: bytes) -> None:
        """See `core.ports.bus.Bus`."""
        self.nats.messages += 1
        for each in self.nats.of(subject):
            self._deliveries.start(each.subscriber, payload)
