"""Notices of access requests, delivered one by one to a webhook or by e-mail.

Posts with a secret are signed like the audit trail's copies.

Delivery is best effort, unlike the trail, which keeps every event: notices wait in memory, and one that is not accepted
after several tries is dropped.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from ferryman.audit.notice_texts import as_event
from ferryman.audit.sinks.sink import Outlet, Undelivered, raise_unless_accepted
from ferryman.audit.sinks.webhook import SIGNATURE, TIMESTAMP, signature
from ferryman.core.ports.audit import Entry, Notices
from ferryman.core.ports.runtime import Clock
from ferryman.model.values.secret import Secret

WAITING = 1000
"""Notices that may wait; beyond that the oldest are dropped."""
TRIES = 6
FIRST_RETRY = 1.0
"""Seconds until a second try; twice that until the third, and so on: half a minute in all."""
_FOR_NOW = frozenset({408, 425, 429})
"""Answers of 400 to 499 after which another try may help. After others, a retry would only delay the next notices."""

_log = structlog.get_logger("ferryman.access")


Deliver = Callable[[Entry], Awaitable[None]]
"""Delivers a notice once. Raises `Undelivered`, or `Undeliverable` if trying again does not help."""


class Undeliverable(Exception):
    """The receiver refused a notice for good."""


class QueuedNotices:
    """`core.ports.audit.Notices` for one receiver. Notices that wait when `run` is cancelled are lost."""

    def __init__(self, deliver: Deliver, *, first_retry: float = FIRST_RETRY) -> None:
        self._deliver = deliver
        self._first_retry = first_retry
        self._waiting: deque[Entry] = deque()
        self._news = asyncio.Event()

    def put(self, entry: Entry) -> None:
        """Queue a notice."""
        if len(self._waiting) >= WAITING:
            _log.warning("notice dropped", reason=f"{WAITING} wait", id=self._waiting.popleft()["id"])
        self._waiting.append(entry)
        self._news.set()

    async def run(self) -> None:
        """Deliver notices in order until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._deliver_with_retries(self._waiting.popleft())

    async def _deliver_with_retries(self, entry: Entry) -> None:
        wait = self._first_retry
        for attempt in range(1, TRIES + 1):
            try:
                await self._deliver(entry)
            except Undelivered as error:
                _log.warning("notice not delivered", reason=str(error), id=entry["id"], attempt=attempt, of=TRIES)
            except Undeliverable as error:
                _log.warning("notice dropped", reason=str(error), id=entry["id"])
                return
            except Exception:  # noqa: BLE001 boundary: a notice that cannot be made keeps no other waiting
                _log.exception("notice dropped", id=entry["id"])
                return
            else:
                return
            if attempt < TRIES:
                await asyncio.sleep(wait)
                wait *= 2


class SeveralNotices:
    """`core.ports.audit.Notices` for several receivers, none of which waits for another."""

    def __init__(self, receivers: Sequence[Notices]) -> None:
        self._receivers = receivers

    def put(self, entry: Entry) -> None:
        """Queue a notice for each."""
        for receiver in self._receivers:
            receiver.put(entry)


def to_webhook(
    outlet: Outlet,
    raw_path: str,
    raw_query: str,
    secret: Secret | None,
    clock: Clock,
    *,
    compose: Callable[[Entry], Mapping[str, object]] = as_event,
) -> Deliver:
    """Return a function that posts a notice. Each try has its own timestamp and signature, if there is a secret."""

    async def deliver(entry: Entry) -> None:
        body = json.dumps(compose(entry), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        if secret is not None:
            now = str(clock() // 1000)
            headers |= {TIMESTAMP: now, SIGNATURE: signature(secret, now, body)}
        status = await outlet.send("POST", raw_path, raw_query, headers, body, None)
        if 400 <= status < 500 and status not in _FOR_NOW:
            raise Undeliverable(f"it answered {status}")
        raise_unless_accepted(status)

    return deliver
