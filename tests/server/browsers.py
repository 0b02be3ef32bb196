"""A browser, as far as a server sees one: a cookie, an Origin, and the console's own header."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from ferryman.model.identity.credentials import Credentials
from tests.server.running import Server


@dataclass
class Answer:
    """A response that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: SimpleCookie

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json()["__type"])


@dataclass
class Browser:
    """One browser of one person. `cookies` are sent with every request, as set by the server."""

    server: Server
    cookies: dict[str, str] = field(default_factory=dict)
    path: str = "/console"

    @property
    def origin(self) -> str:
        return f"{self.server.scheme}://127.0.0.1:{self.server.port}"

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return await self.send("GET", path, None, dict(headers or {}))

    async def post(self, path: str, body: Any, **headers: str | None) -> Answer:
        """POST JSON as the console's pages do; a header that is None is left out."""
        usual = {"Origin": self.origin, "X-Ferryman-Console": "1", "Content-Type": "application/json"}
        given = {**usual, **{name.replace("_", "-"): value for name, value in headers.items()}}
        content = body if isinstance(body, bytes) else json.dumps(body, default=_encoded).encode()
        sent = {name: value for name, value in given.items() if value is not None}
        return await self.send("POST", path, content, sent)

    async def send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        if self.cookies:
            headers.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        url = self.server.url_of(path)
        skipped = ("Content-Type",) if body is not None else ()
        async with self.server.http.request(
            method, url, data=body, headers=headers, allow_redirects=False, skip_auto_headers=skipped
        ) as answer:
            for name, morsel in answer.cookies.items():
                if morsel.value and morsel["max-age"] != "0":
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)
            return Answer(answer.status, answer.headers, await answer.read(), answer.cookies)

    async def sign_in(self, credentials: Credentials | None = None) -> Answer:
        key = self.server.administrator if credentials is None else credentials
        body = {"accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key.reveal()}
        if key.session_token is not None:
            body["sessionToken"] = key.session_token.reveal()
        return await self.post(f"{self.path}/api/sign-in", body)

    async def call(self, service: str, operation: str, **parameters: Any) -> Answer:
        return await self.post(f"{self.path}/api/{service}/{operation}", parameters)

    async def me(self) -> Answer:
        return await self.get(f"{self.path}/api/me")


def _encoded(value: Any) -> Any:
    """A blob or a time, as JSON 1.1 has them."""
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value.timestamp()
