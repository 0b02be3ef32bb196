"""The HTTP client of agents and of the audit trail: signed requests, AWS JSON 1.1, the signed WebSocket upgrade."""

import asyncio
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import SplitResult, urlsplit

import aiohttp
from yarl import URL

from ferryman.model.errors import ServiceError
from ferryman.signing.canonical import SignableRequest
from ferryman.transport.errors import Unreachable
from ferryman.transport.proxies import proxy_for
from ferryman.transport.trust import Trust, unreachable
from ferryman.transport.websocket import WebSocket, dial

CALL_SECONDS = 15.0
MAX_ANSWER_BYTES = 1024 * 1024
JSON_1_1 = "application/x-amz-json-1.1"

Sign = Callable[[SignableRequest], Mapping[str, str]]
"""Returns the headers that sign a request."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes


class HttpClient:
    """Connections to one server, kept alive between calls; each call may take `seconds`.

    `trusted` None: the system's authorities. An async context manager; create it in a running loop.
    """

    def __init__(
        self, endpoint: str, *, user_agent: str, trusted: Trust | None = None, seconds: float = CALL_SECONDS
    ) -> None:
        self._endpoint = urlsplit(endpoint.rstrip("/"))
        self._trusted = trusted
        self._seconds = seconds
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=seconds),
            headers={"User-Agent": user_agent},
            # An agent has a connection per session in addition to its calls, so there is no limit here.
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def call(self, target: str, members: Mapping[str, object], sign: Sign | None) -> dict[str, Any]:
        """Call an operation in AWS JSON 1.1: `target` is `<prefix>.<Operation>`, `members` the request's.

        Returns the answer's members. Raises `ServiceError` with the server's code and message, or `Unreachable`.
        """
        headers = {"Content-Type": JSON_1_1, "X-Amz-Target": target}
        answer = await self.post("/", headers, json.dumps(members).encode(), sign)
        if answer.status != 200:
            raise service_error(answer)
        try:
            result = json.loads(answer.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"{target} was not answered by a Session Manager server") from error
        if not isinstance(result, dict):
            raise Unreachable(f"{target} was not answered by a Session Manager server")
        return result

    async def post(self, raw_path: str, headers: Mapping[str, str], body: bytes, sign: Sign | None) -> Answer:
        """Post `body` to a percent-encoded path below the endpoint; as `send`."""
        return await self.send("POST", raw_path, "", headers, body, sign)

    async def send(
        self, method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], body: bytes, sign: Sign | None
    ) -> Answer:
        """Send a request to a percent-encoded path below the endpoint. Any status is an answer, redirects are not
        followed; raises `Unreachable`."""
        path = self._endpoint.path + raw_path
        signed = self._signed(method, path, raw_query, headers, body, sign)
        url = self._url(path, raw_query)
        proxy = proxy_for(self._origin)
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._session.request(
                    method,
                    url,
                    headers=signed,
                    data=body,
                    allow_redirects=False,
                    ssl=self._verified_by(proxy),
                    proxy=proxy,
                ) as response,
            ):
                content = await response.content.read(MAX_ANSWER_BYTES)
                while len(content) < MAX_ANSWER_BYTES and not response.content.at_eof():
                    content += await response.content.read(MAX_ANSWER_BYTES - len(content))
                return Answer(response.status, content)
        except (aiohttp.ClientError, OSError, TimeoutError, UnicodeError) as error:
            raise unreachable(self._origin, error) from error

    async def dial(self, raw_path: str, raw_query: str, sign: Sign, *, heartbeat: float) -> WebSocket:
        """Open a WebSocket below the endpoint with a signed upgrade; raises as `websocket.dial`."""
        path = self._endpoint.path + raw_path
        signed = self._signed("GET", path, raw_query, {}, b"", sign)
        url = str(self._url(path, raw_query))
        proxy = proxy_for(self._origin)
        verified_by = self._verified_by(proxy)
        return await dial(self._session, url, signed, heartbeat=heartbeat, verified_by=verified_by, proxy=proxy)

    def _verified_by(self, proxy: str | None) -> ssl.SSLContext | bool:
        """Return the context for TLS with the server and with a proxy, True if neither speaks TLS.

        It is never aiohttp's own, which may trust no server: see `without_authorities`.
        """
        if self._endpoint.scheme != "https" and not (proxy or "").startswith("https:"):
            return True
        if self._trusted is None:
            self._trusted = Trust()
        return self._trusted.context

    @property
    def _origin(self) -> str:
        return f"{self._endpoint.scheme}://{self._endpoint.netloc}"

    def _url(self, raw_path: str, raw_query: str) -> URL:
        return URL(self._origin + raw_path + ("?" + raw_query if raw_query else ""), encoded=True)

    def _signed(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes, sign: Sign | None
    ) -> dict[str, str]:
        sent = {"Host": host_header(self._endpoint), **headers}
        if sign is not None:
            sent.update(sign(SignableRequest(method, path, query, list(sent.items()), body)))
        return sent


def service_error(answer: Answer) -> ServiceError:
    """Return the error that an answer carries in AWS's JSON form; one without a code is named by its status."""
    try:
        content = json.loads(answer.body)
        code = _whole(str(content["__type"]).rpartition("#")[2])
        message = _whole(str(content.get("message") or content.get("Message") or ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        code, message = f"HTTP{answer.status}", answer.body[:200].decode(errors="replace")
    return ServiceError(code, message, status=answer.status)


def _whole(text: str) -> str:
    """Return text from JSON without lone surrogates, which no encoding can write."""
    return text.encode(errors="replace").decode()


def host_header(endpoint: SplitResult) -> str:
    """Return the Host header to send and sign; the port is left out if it is the scheme's default."""
    standard = {"http": 80, "https": 443}.get(endpoint.scheme)
    name = f"[{endpoint.hostname}]" if ":" in (endpoint.hostname or "") else endpoint.hostname or ""
    return name if endpoint.port in (None, standard) else f"{name}:{endpoint.port}"
