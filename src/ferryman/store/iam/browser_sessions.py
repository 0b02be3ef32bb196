"""Sessions of browsers, and the links that begin one, in SQL."""

from dataclasses import asdict, fields

from sqlalchemy import ColumnElement, Delete, Table, bindparam, delete, insert, select, update

from ferryman.model.identifiers import Millis
from ferryman.model.identity.browser_sessions import BrowserLink, BrowserSession
from ferryman.store.connections import Connections
from ferryman.store.tables import browser_links, browser_sessions

_SESSION = tuple(browser_sessions.c[field.name] for field in fields(BrowserSession))
_LINK = tuple(browser_links.c[field.name] for field in fields(BrowserLink))
_GET = select(*_SESSION).where(browser_sessions.c.token_hash == bindparam("wanted"))


class SqlBrowserSessions:
    """`core.ports.people.browser_sessions.BrowserSessionStore`."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def add(self, session: BrowserSession, most: int) -> None:
        """Insert a session; of the person's others only the `most` - 1 newest stay, and no expired one."""
        table = browser_sessions
        expired = table.c.expires_at <= session.signed_in_at
        await self._connections.write_all(
            delete(table).where(table.c.person_id == session.person_id, expired),
            _excess(table, session.person_id, table.c.signed_in_at, most),
            insert(table).values(asdict(session)),
        )

    async def get(self, token_hash: bytes) -> BrowserSession | None:
        """Return a session, also an expired one."""
        rows = await self._connections.read(_GET, {"wanted": token_hash})
        return BrowserSession(*rows[0]) if rows else None

    async def note_use(self, token_hash: bytes, at: Millis) -> None:
        """Store when a session was last used, unless a later use is known; a session that has ended is ignored."""
        table = browser_sessions
        known = (table.c.token_hash == token_hash, table.c.used_at < at)
        await self._connections.write(update(table).where(*known).values(used_at=at))

    async def remove(self, token_hash: bytes) -> bool:
        """Delete a session; False if there is none."""
        statement = delete(browser_sessions).where(browser_sessions.c.token_hash == token_hash)
        return await self._connections.write(statement) == 1

    async def prune(self, expired_before: Millis, limit: int) -> int:
        """Delete up to `limit` sessions, and as many links, that expired earlier; return how many it was."""
        statements = []
        for table in (browser_sessions, browser_links):
            over = select(table.c.token_hash).where(table.c.expires_at < expired_before).limit(limit)
            statements.append(delete(table).where(table.c.token_hash.in_(over)))
        return sum(await self._connections.write_all(*statements))

    async def add_link(self, link: BrowserLink, most: int) -> None:
        """Insert a link; of the person's others only the `most` - 1 that expire last stay."""
        table = browser_links
        await self._connections.write_all(
            _excess(table, link.person_id, table.c.expires_at, most), insert(table).values(asdict(link))
        )

    async def use_link(self, token_hash: bytes, now: Millis) -> BrowserLink | None:
        """Delete a link and return it, once; None if there is none that has not expired."""
        table = browser_links
        valid = (table.c.token_hash == token_hash, table.c.expires_at > now)
        rows = await self._connections.write_returning(delete(table).where(*valid).returning(*_LINK))
        return BrowserLink(*rows[0]) if rows else None


def _excess(table: Table, person_id: str, age: ColumnElement[int], most: int) -> Delete:
    """Return the deletion of a person's rows but the `most` - 1 newest by `age`."""
    kept = select(table.c.token_hash).where(table.c.person_id == person_id)
    newest = kept.order_by(age.desc(), table.c.token_hash).limit(most - 1)
    return delete(table).where(table.c.person_id == person_id, table.c.token_hash.not_in(newest))
