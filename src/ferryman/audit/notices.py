"""Notices of access requests, posted to a webhook one by one; with a secret, signed as the audit trail's copies are.

Delivery is best effort, unlike the trail, which keeps every event: notices wait in memory, and one that is not accepted
after several tries is dropped.
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Mapping

import structlog

from ferryman.audit.notice_texts import as_event
from ferryman.audit.sinks.sink import Outlet, Undelivered, raise_unless_accepted
from ferryman.audit.sinks.webhook import SIGNATURE, TIMESTAMP, signature
from ferryman.core.ports.audit import Entry
from ferryman.core.ports.runtime import Clock
from ferryman.model.values.secret import Secret

WAITING = 1000
"""Notices that may wait; beyond that the oldest are dropped."""
TRIES = 6
FIRST_RETRY = 1.0
"""Seconds until a second try; twice that until the third, and so on: half a minute in all."""

_log = structlog.get_logger("ferryman.access")


class WebhookNotices:
    """`core.ports.audit.Notices` over HTTP. Notices that wait when `run` is cancelled are lost."""

    def __init__(
        self,
        outlet: Outlet,
        raw_path: str,
        raw_query: str,
        secret: Secret | None,
        clock: Clock,
        *,
        compose: Callable[[Entry], Mapping[str, object]] = as_event,
        first_retry: float = FIRST_RETRY,
    ) -> None:
        self._outlet = outlet
        self._raw_path = raw_path
        self._raw_query = raw_query
        self._secret = secret
        self._clock = clock
        self._compose = compose
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
        """Post notices in order until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._waiting:
                await self._post_with_retries(self._waiting.popleft())

    async def _post_with_retries(self, entry: Entry) -> None:
        wait = self._first_retry
        for attempt in range(1, TRIES + 1):
            try:
                await self._post(entry)
            except Undelivered as error:
                _log.warning("notice not delivered", reason=str(error), id=entry["id"], attempt=attempt, of=TRIES)
            else:
                return
            if attempt < TRIES:
                await asyncio.sleep(wait)
                wait *= 2

    async def _post(self, entry: Entry) -> None:
        """Post once. Each try has its own timestamp and signature, if there is a secret."""
        body = json.dumps(self._compose(entry), ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json"}
        if self._secret is not None:
            now = str(self._clock() // 1000)
            headers |= {TIMESTAMP: now, SIGNATURE: signature(self._secret, now, body)}
        raise_unless_accepted(await self._outlet.send("POST", self._raw_path, self._raw_query, headers, body, None))
