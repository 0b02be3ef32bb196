"""Fetches small documents from OpenID Connect providers and servers. Only their certificate is trusted."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote_plus, urlsplit

import aiohttp

from ferryman.model.errors import Unfetchable
from ferryman.transport.errors import CertificateRefused, NothingAnswered, Unreachable, UntrustedCertificate
from ferryman.transport.http import Answer
from ferryman.transport.proxies import proxy_for
from ferryman.transport.trust import Trust, unreachable, unverified

TIMEOUT_SECONDS = 5.0
LARGEST = 256 * 1024


class Documents:
    """Fetches documents of at most `LARGEST` bytes within `TIMEOUT_SECONDS`. An async context manager.

    Redirects are not followed, cookies not kept. `ca_file` holds further certificate authorities. Without `verify`,
    any certificate is accepted: nothing that is fetched may then be trusted.
    """

    def __init__(self, *, user_agent: str, ca_file: Path | None = None, verify: bool = True) -> None:
        self._trusted = Trust(ca_file)
        self._unverified = None if verify else unverified()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def fetch(self, url: str) -> bytes:
        """Return the document at `url`; raises `Unfetchable`, also for any status other than 200."""
        answer = await self._ask("GET", url)
        if answer.status != 200:
            raise Unfetchable(f"{_origin(url)} answered with status {answer.status}")
        return answer.body

    async def post(self, url: str, form: Mapping[str, str], basic: tuple[str, str] | None = None) -> Answer:
        """Post a form; any status is an answer. `basic` is a name and a password (RFC 6749 section 2.3.1).

        Raises `Unfetchable`.
        """
        given = None if basic is None else aiohttp.encode_basic_auth(*(quote_plus(each) for each in basic))
        return await self._ask("POST", url, form, {} if given is None else {"Authorization": given})

    async def _ask(
        self, method: str, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        origin = _origin(url)
        try:
            async with (
                asyncio.timeout(TIMEOUT_SECONDS),
                self._session.request(
                    method,
                    url,
                    data=form,
                    headers=headers,
                    allow_redirects=False,
                    ssl=self._unverified or self._trusted.context,
                    proxy=proxy_for(origin),
                ) as answer,
            ):
                content = bytearray()
                async for chunk in answer.content.iter_any():
                    content += chunk
                    if len(content) > LARGEST:
                        raise Unfetchable(f"{origin} answered with more than {LARGEST} bytes")
                return Answer(answer.status, bytes(content))
        except Unreachable as error:
            raise NothingAnswered(str(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            failed = unreachable(origin, error)
            kind = UntrustedCertificate if isinstance(failed, CertificateRefused) else NothingAnswered
            raise kind(str(failed)) from error


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
