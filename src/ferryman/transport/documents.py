"""Small documents from elsewhere: an OpenID Connect provider's, of which nothing is trusted but its certificate."""

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from ferryman.core.provider_keys import Unfetchable
from ferryman.transport.http import is_loopback
from ferryman.transport.trust import Trust, unreachable

SECONDS = 5.0
LARGEST = 256 * 1024


class Documents:
    """Fetches documents, no more than `LARGEST` bytes within `SECONDS`. An async context manager.

    Redirects are not followed, cookies not kept. `ca_file` holds further certificate authorities.
    """

    def __init__(self, *, user_agent: str, ca_file: Path | None = None) -> None:
        self._trusted = Trust(ca_file)
        self._direct, self._proxied = [
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=SECONDS),
                headers={"User-Agent": user_agent, "Accept": "application/json"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=proxied,
            )
            for proxied in (False, True)
        ]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._direct.close()
        await self._proxied.close()

    async def fetch(self, url: str) -> bytes:
        """Return the document at `url`; raises `Unfetchable`."""
        parts = urlsplit(url)
        session = self._direct if is_loopback(parts.hostname or "") else self._proxied
        origin = f"{parts.scheme}://{parts.netloc}"
        try:
            async with (
                asyncio.timeout(SECONDS),
                session.get(url, allow_redirects=False, ssl=self._trusted.context) as answer,
            ):
                if answer.status != 200:
                    raise Unfetchable(f"{origin} answered with status {answer.status}")
                content = bytearray()
                async for chunk in answer.content.iter_any():
                    content += chunk
                    if len(content) > LARGEST:
                        raise Unfetchable(f"{origin} answered with more than {LARGEST} bytes")
                return bytes(content)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            raise Unfetchable(str(unreachable(origin, error))) from error
