"""A provider on loopback that is as strict as OAuth asks: PKCE, redirect address, one use of each code.

What it issues can be spoiled by tests.
"""

import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey

KEY = ECKey.generate_key("P-256", {"kid": "k"})


@dataclass
class CodeIssuer:
    """A provider, and who signs in at it next. `changes` are made to its tokens' claims."""

    redirect_uri: str = "http://ferryman.test/console/api/sign-in/callback"
    """The one that it knows."""

    client_id: str = "console"
    secret: str = "its secret"
    claims: dict[str, Any] = field(default_factory=lambda: {"sub": "s1", "email": "shirley@example.com"})
    changes: dict[str, Any] = field(default_factory=dict)
    discovery_changes: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    asked: int = 0
    posted: int = 0
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    """Every state, nonce and challenge that it was sent: each must be new, and none may be the verifier."""

    @asynccontextmanager
    async def running(self) -> AsyncIterator["CodeIssuer"]:
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_post("/token", self._token)
        app.on_response_prepare.append(_close)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def sign_in(self, location: str) -> dict[str, str]:
        """Somebody signs in at the address that their browser was sent to: what it brings back."""
        asked = dict(parse_qsl(urlsplit(location).query))
        assert location.startswith(f"{self.url}/authorize?")
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["code_challenge_method"] == "S256"
        assert set(asked["scope"].split()) >= {"openid"}
        assert len(asked["state"]) == len(asked["nonce"]) == 43
        assert asked["redirect_uri"] == self.redirect_uri
        fresh = {asked["state"], asked["nonce"], asked["code_challenge"]}
        assert len(fresh - self._known) == len(("state", "nonce", "code_challenge"))
        self._known |= fresh
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.url}

    async def _discovery(self, request: web.Request) -> web.Response:
        self.asked += 1
        found = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
        }
        return web.json_response(found | self.discovery_changes)

    async def _keys(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [KEY.as_dict(private=False)]})

    async def _token(self, request: web.Request) -> web.Response:
        self.posted += 1
        form = {name: str(value) for name, value in (await request.post()).items()}
        asked = self._codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "").encode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).decode().rstrip("=")
        if not self._knows_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form.get("redirect_uri"):
            return web.json_response({"error": "invalid_grant"}, status=400)
        if form["code_verifier"] in self._known:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 600, "nonce": asked["nonce"]}
        token = jwt.encode({"alg": "ES256", "kid": "k"}, claims | self.claims | self.changes, KEY)
        return web.json_response({"id_token": token, "access_token": "a", "token_type": "Bearer"})

    def _knows_client(self, request: web.Request, form: Mapping[str, str]) -> bool:
        if "client_secret_post" in self.discovery_changes.get("token_endpoint_auth_methods_supported", ()):
            return form.get("client_secret") == self.secret and "Authorization" not in request.headers
        given = base64.b64encode(f"{self.client_id}:{self.secret.replace(' ', '+')}".encode()).decode()
        return request.headers.get("Authorization") == f"Basic {given}" and "client_secret" not in form


async def _close(request: web.Request, response: web.StreamResponse) -> None:
    """Keep no connection: what is left open looks as if the server under test had left it."""
    response.force_close()
