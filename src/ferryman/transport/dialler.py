"""Opens WebSockets to URLs as they are, unsigned, such as a client's StreamUrl.

TLS servers are verified against the system's roots or `SSL_CERT_FILE`, plus a CA file. `HTTP_PROXY`, `HTTPS_PROXY` and
`NO_PROXY` are respected (`protocol/client.md` §4.2); loopback is always reached directly.
"""

import ssl
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from ferryman.model.failures import said_by
from ferryman.transport.errors import Unreachable
from ferryman.transport.proxies import proxy_for
from ferryman.transport.trust import trust
from ferryman.transport.websocket import WebSocket, dial


class Dialler:
    """Dials WebSockets, one after another. An async context manager; create it in a running loop."""

    def __init__(self, *, user_agent: str, heartbeat: float, ca_file: Path | None = None) -> None:
        self._user_agent = user_agent
        self._heartbeat = heartbeat
        self._ca_file = ca_file
        self._sessions: dict[tuple[bool, str | None], aiohttp.ClientSession] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self._sessions.values():
            await session.close()

    async def dial(self, url: str) -> WebSocket:
        """Open a WebSocket to `url`. Raises `UpgradeRefused` or `Unreachable`."""
        proxy = proxy_for(url)
        secure = urlsplit(url).scheme == "wss" or (proxy or "").startswith("https:")
        return await dial(self._session(secure, proxy), url, heartbeat=self._heartbeat)

    def _session(self, secure: bool, proxy: str | None) -> aiohttp.ClientSession:
        session = self._sessions.get((secure, proxy))
        if session is None:
            # Building the TLS context takes 20 ms, so it is done on first use.
            # Every session of this process has its own connection, so there is no limit here.
            connector = aiohttp.TCPConnector(ssl=self._trusted() if secure else True, limit=0)
            session = aiohttp.ClientSession(
                connector=connector,
                headers={"User-Agent": self._user_agent},
                cookie_jar=aiohttp.DummyCookieJar(),
                proxy=proxy,
            )
            self._sessions[secure, proxy] = session
        return session

    def _trusted(self) -> ssl.SSLContext:
        try:
            return trust(self._ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise Unreachable(f"cannot use the CA file {self._ca_file}: {said_by(error)}") from error
