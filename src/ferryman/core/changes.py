"""Tells open pages that something of some kind has changed, never which one.

Changes are noted where they are recorded, and published on the bus to every server, at most once a second. A page then
asks again, and gets what its reader may see. A lost message only means that a page is out of date.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from enum import StrEnum

import msgspec

from ferryman.core.ports.bus import Bus

SUBJECT = "console-changes"
INTERVAL_SECONDS = 1.0
"""How often one server publishes its changes."""


class Kind(StrEnum):
    """What can change."""

    SESSIONS = "sessions"
    NODES = "nodes"
    ACCESS_REQUESTS = "access-requests"
    RECORDINGS = "recordings"


class _Changed(msgspec.Struct, frozen=True):
    kinds: frozenset[Kind]


class Changes:
    """The kinds that have changed since the last message. `note` is cheap; `publish` runs until cancelled."""

    def __init__(self) -> None:
        self._pending: set[Kind] = set()
        self._noted = asyncio.Event()

    def note(self, kind: Kind) -> None:
        """Note a change."""
        self._pending.add(kind)
        self._noted.set()

    async def publish(self, bus: Bus) -> None:
        """Publish what is noted, forever."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            kinds, self._pending = frozenset(self._pending), set()
            await bus.publish(SUBJECT, msgspec.json.encode(_Changed(kinds)))
            await asyncio.sleep(INTERVAL_SECONDS)


async def on_change(bus: Bus, notify: Callable[[frozenset[Kind]], None]) -> Callable[[], Awaitable[None]]:
    """Call `notify` with what has changed on any server. Returns an async function that stops this."""

    async def changed(payload: bytes) -> bytes:
        with contextlib.suppress(msgspec.DecodeError):  # a newer server may know more kinds
            notify(msgspec.json.decode(payload, type=_Changed).kinds)
        return b""

    return (await bus.subscribe(SUBJECT, changed)).close
