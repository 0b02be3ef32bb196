"""The port through which use cases read and write sessions of browsers, and the links that begin one."""

from typing import Protocol

from ferryman.model.identifiers import Millis
from ferryman.model.identity.browser_sessions import BrowserLink, BrowserSession


class BrowserSessionStore(Protocol):
    """Sessions of browsers, and links that were not used yet."""

    async def add(self, session: BrowserSession, most: int) -> None:
        """Insert a session; of the person's others only the `most` - 1 newest stay, and no expired one."""

    async def get(self, token_hash: bytes) -> BrowserSession | None:
        """Return a session, also an expired one."""

    async def note_use(self, token_hash: bytes, at: Millis) -> None:
        """Store when a session was last used, unless a later use is known; a session that has ended is ignored."""

    async def remove(self, token_hash: bytes) -> bool:
        """Delete a session; False if there is none."""

    async def prune(self, expired_before: Millis, limit: int) -> int:
        """Delete up to `limit` sessions, and as many links, that expired earlier; return how many it was."""

    async def add_link(self, link: BrowserLink, most: int) -> None:
        """Insert a link; of the person's others only the `most` - 1 that expire last stay."""

    async def use_link(self, token_hash: bytes, now: Millis) -> BrowserLink | None:
        """Delete a link and return it, once; None if there is none that has not expired."""
