"""Signing in, against a provider on loopback that checks what the standards have it check."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import aiohttp
import pytest
from aiohttp import web

from ferryman.client.login.oidc import (
    DEVICE_GRANT,
    LONGEST_URL,
    SHORTEST_INTERVAL,
    OidcClient,
    Tokens,
    discover,
    refresh,
    sign_in_with_browser,
    sign_in_with_device,
)
from ferryman.client.login.redirect import Redirect
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret
from ferryman.transport.fetch import Documents

CLIENT = OidcClient("cli", "openid email")
CALLBACK_SECONDS = 0.05


def id_token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps({"sub": "shirley", **claims}).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


@dataclass
class Provider:
    """A provider; `answers` are what its token endpoint says to a device's code, one after the other."""

    url: str = ""
    given: dict[str, str] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    nonce: str | None = None
    endpoints: dict[str, str] = field(default_factory=dict)
    device_answer: dict[str, object] = field(default_factory=dict)
    answers: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    user_code: str = "AB-12"

    async def discovery(self, request: web.Request) -> web.Response:
        found = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize?x=1",
            "token_endpoint": f"{self.url}/token",
            "device_authorization_endpoint": f"{self.url}/device",
        }
        return web.json_response(found | self.endpoints)

    async def authorize(self, request: web.Request) -> web.Response:
        """The person says yes at once."""
        asked = self.codes["a code"] = dict(request.query)
        raise web.HTTPFound(asked["redirect_uri"] + "?" + urlencode({"code": "a code", "state": asked["state"]}))

    async def token(self, request: web.Request) -> web.Response:
        form = self.given = {name: str(value) for name, value in (await request.post()).items()}
        if form["grant_type"] == DEVICE_GRANT:
            status, content = self.answers.pop(0)
            return web.json_response(content, status=status)
        if form["grant_type"] == "refresh_token":
            return web.json_response({"id_token": id_token(refreshed=form["refresh_token"])})
        asked = self.codes.pop(form["code"], {})
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked.get("code_challenge") != challenge or asked["code_challenge_method"] != "S256":
            return web.json_response({"error": "invalid_grant"}, status=400)
        same = form["redirect_uri"] == asked["redirect_uri"] and form["client_id"] == asked["client_id"] == "cli"
        token = id_token(nonce=self.nonce or asked["nonce"])
        return web.json_response({"id_token": token if same else None, "refresh_token": "again"})

    async def device(self, request: web.Request) -> web.Response:
        uri, user_code = f"{self.url}/go", self.user_code
        code = {"device_code": "d", "user_code": user_code, "verification_uri": uri, "interval": 2} | self.device_answer
        return web.json_response(code | {"expires_in": 30})


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    made, app = Provider(), web.Application()
    app.router.add_get("/.well-known/openid-configuration", made.discovery)
    app.router.add_get("/authorize", made.authorize)
    app.router.add_post("/token", made.token)
    app.router.add_post("/device", made.device)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    async with Documents(user_agent="ferryman-test") as made:
        yield made


Show = Callable[[str], Awaitable[None]]


async def browse(documents: Documents, provider: Provider, show: Show) -> Tokens:
    async with Redirect() as redirect:
        return await sign_in_with_browser(documents, await discover(documents, provider.url), CLIENT, redirect, show)


async def browser(url: str) -> None:
    """What a browser does, with nobody to look at it."""
    async with aiohttp.ClientSession() as http, http.get(url) as page:
        assert "You are signed in" in await page.text()


def opening(visit: Show) -> tuple[Show, list["asyncio.Task[None]"]]:
    """Open a browser beside the terminal, as people have it."""
    tasks: list[asyncio.Task[None]] = []

    async def show(url: str) -> None:
        async def run() -> None:
            await visit(url)

        tasks.append(asyncio.create_task(run()))

    return show, tasks


async def test_signing_in_with_a_browser(documents: Documents, provider: Provider) -> None:
    show, tasks = opening(browser)
    tokens = await browse(documents, provider, show)
    await tasks[0]
    assert tokens.claims["sub"] == "shirley"
    assert tokens.refresh_token == Secret("again")
    assert "e30" not in repr(tokens)


async def test_a_browser_that_holds_the_terminal_until_it_is_done(documents: Documents, provider: Provider) -> None:
    assert (await browse(documents, provider, browser)).claims["sub"] == "shirley"


async def test_only_the_answer_to_the_question_is_accepted(documents: Documents, provider: Provider) -> None:
    async def visit(url: str) -> None:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        async with aiohttp.ClientSession() as http:
            for wrong in ("?code=stolen&state=guessed", "?code=stolen", ""):
                async with http.get(redirect + wrong) as page:
                    assert page.status == 400
            for other in (redirect.replace("callback", "other"), redirect.replace("/callback", "/")):
                async with http.get(other) as page:
                    assert page.status == 404
            async with http.post(redirect) as page:
                assert page.status == 404
        await browser(url)

    show, tasks = opening(visit)
    assert (await browse(documents, provider, show)).claims["sub"] == "shirley"
    await tasks[0]


async def test_a_token_for_another_sign_in_is_not_taken(documents: Documents, provider: Provider) -> None:
    provider.nonce = "another"
    show, tasks = opening(browser)
    with pytest.raises(Failure, match="does not belong to this sign-in"):
        await browse(documents, provider, show)
    await tasks[0]


async def test_a_refused_sign_in_ends_the_login(documents: Documents, provider: Provider) -> None:
    async def visit(url: str) -> None:
        asked = dict(parse_qsl(urlsplit(url).query))
        said = urlencode({"error": "access_denied", "error_description": "no\x1b[2J", "state": asked["state"]})
        async with aiohttp.ClientSession() as http, http.get(f"{asked['redirect_uri']}?{said}") as page:
            assert "not completed" in await page.text()

    show, tasks = opening(visit)
    with pytest.raises(Failure, match="access_denied") as refused:
        await browse(documents, provider, show)
    assert refused.value.line.isprintable()
    await tasks[0]


async def test_nobody_comes() -> None:
    async with Redirect() as redirect:
        with pytest.raises(Failure, match="Nobody signed in"):
            await redirect.answer(CALLBACK_SECONDS)
        taken = int(urlsplit(redirect.uri).port or 0)
        with pytest.raises(Failure, match=f"port {taken}"):
            await Redirect(taken).__aenter__()


async def test_signing_in_with_a_device(documents: Documents, provider: Provider) -> None:
    pending, slow = (400, {"error": "authorization_pending"}), (400, {"error": "slow_down"})
    provider.answers = [pending, slow, pending, (200, {"id_token": id_token()})]
    shown: list[tuple[str, str]] = []
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    found = await discover(documents, provider.url)

    def sign_in() -> Awaitable[Tokens]:
        return sign_in_with_device(documents, found, CLIENT, lambda *said: shown.append(said), pause)

    tokens = await sign_in()
    assert (tokens.claims["sub"], tokens.refresh_token) == ("shirley", None)
    assert (shown, pauses) == ([(f"{provider.url}/go", "AB-12")], [2, 2, 7, 7])
    provider.answers = [pending] * 15
    with pytest.raises(Failure, match="30 seconds"):
        await sign_in()
    assert provider.answers == []
    provider.answers = [(400, {"error": "access_denied"})]
    with pytest.raises(Failure, match="access_denied"):
        await sign_in()


async def test_refreshing_keeps_the_refresh_token(documents: Documents, provider: Provider) -> None:
    tokens = await refresh(documents, await discover(documents, provider.url), CLIENT, Secret("again"))
    assert (tokens.claims["refreshed"], tokens.refresh_token) == ("again", Secret("again"))


@pytest.mark.parametrize(
    ("endpoints", "said"),
    [
        ({"issuer": "https://evil.example"}, "is not the issuer"),
        ({"token_endpoint": "http://evil.example/token"}, "token_endpoint"),
        ({"authorization_endpoint": "file:///x"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://id.example/\n--profile"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://id.example/ x"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://id.example/\u202egro"}, "authorization_endpoint"),
        ({"authorization_endpoint": "https://id.example/" + "x" * LONGEST_URL}, "authorization_endpoint"),
        ({"token_endpoint": ""}, "token_endpoint"),
    ],
)
async def test_providers_that_are_not_followed(
    documents: Documents, provider: Provider, endpoints: dict[str, str], said: str
) -> None:
    provider.endpoints = endpoints
    with pytest.raises(Failure, match=said):
        await discover(documents, provider.url)


async def test_issuers_that_are_not_asked(documents: Documents, provider: Provider) -> None:
    for issuer in ("http://id.example.com", "id.example.com", "https://[", ""):
        with pytest.raises(Failure, match="must be https"):
            await discover(documents, issuer)
    with pytest.raises(Failure, match="404"):
        await discover(documents, f"{provider.url}/elsewhere")
    provider.endpoints = {"device_authorization_endpoint": ""}
    found = await discover(documents, provider.url)
    with pytest.raises(Failure, match="no device flow"):
        await sign_in_with_device(documents, found, CLIENT, lambda *_: None, asyncio.sleep)


async def test_a_provider_says_nothing_to_the_terminal_but_text(documents: Documents, provider: Provider) -> None:
    provider.user_code = "AB\x1b]0;x\x07\x1b[2J\r\n-12"
    provider.answers = [(200, {"id_token": id_token()})]
    shown: list[tuple[str, str]] = []

    async def pause(_: float) -> None:
        pass

    found = await discover(documents, provider.url)
    await sign_in_with_device(documents, found, CLIENT, lambda *said: shown.append(said), pause)
    assert shown == [(f"{provider.url}/go", "AB\\x1b]0;x\\x07\\x1b[2J\\r\\n-12")]


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://evil.example/", "https://x/\x1b[2J", "file:///etc/passwd"]
)
async def test_nobody_is_sent_to_such_an_address_with_a_device(
    documents: Documents, provider: Provider, url: str
) -> None:
    provider.device_answer = {"verification_uri_complete": url}
    shown: list[object] = []
    found = await discover(documents, provider.url)
    with pytest.raises(Failure, match="verification_uri"):
        await sign_in_with_device(documents, found, CLIENT, lambda *said: shown.append(said), asyncio.sleep)
    assert shown == []


async def test_a_provider_is_not_asked_more_often_because_it_says_so(documents: Documents, provider: Provider) -> None:
    provider.device_answer = {"interval": 1e-9, "user_code": "x" * 100_000}
    provider.answers = [(400, {"error": "authorization_pending"})] * 30
    pauses: list[float] = []
    shown: list[tuple[str, str]] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    found = await discover(documents, provider.url)
    with pytest.raises(Failure, match="Nobody signed in"):
        await sign_in_with_device(documents, found, CLIENT, lambda *said: shown.append(said), pause)
    assert set(pauses) == {SHORTEST_INTERVAL}
    assert len(shown[0][1]) == 100
