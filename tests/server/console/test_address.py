"""Where the console is: at another path, at an address of its own; and upgrades by pages of other sites."""

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from ferryman.core.service import ConsoleSettings, Service
from ferryman.server.application import build
from ferryman.server.listener.listener import listen
from tests.server.browsers import Browser
from tests.server.running import Recorded, Server

PATH = "/ops/shell"
OWN = "https://console.example:8443"


@pytest.fixture
def recorded() -> Recorded:
    """Set the console's settings."""

    def changed(service: Service) -> Service:
        console = ConsoleSettings(path=PATH, public_url=OWN)
        return replace(service, settings=replace(service.settings, console=console))

    return changed


async def test_another_path(server: Server) -> None:
    browser = Browser(server, path=PATH)
    assert (await browser.get("/console/")).status == 404
    assert (await browser.get(f"{PATH}/api/sign-in")).status == 200
    assert (await browser.get("/", {"Accept": "text/html"})).headers["Location"] == f"{PATH}/"


async def test_its_own_url_is_an_origin_and_needs_tls(server: Server) -> None:
    """The proxy in front of it speaks TLS, although this server knows nothing of it."""
    browser, key = Browser(server, path=PATH), server.administrator
    body = {"accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key.reveal()}
    answer = await browser.post(f"{PATH}/api/sign-in", body, Origin=OWN)
    assert answer.status == 204
    cookie = answer.cookies["__Host-ferryman"]
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "Strict", "/")
    assert (await browser.me()).status == 200
    browser.cookies = {"ferryman": browser.cookies["__Host-ferryman"]}  # anybody on the way could have set this one
    assert (await browser.me()).status == 401
    assert (await browser.post(f"{PATH}/api/sign-in", body, Origin="https://console.example")).status == 403


@pytest.fixture
async def separate(server: Server) -> AsyncIterator[tuple[int, int]]:
    """The ports of the same service: its own, and the console's."""
    sockets = [listen("127.0.0.1", 0) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    runner = web.AppRunner(build(server.service, console_port=ports[1]))
    await runner.setup()
    for each in sockets:
        await web.SockSite(runner, each).start()
    yield ports[0], ports[1]
    await runner.cleanup()


async def test_an_address_of_its_own_has_the_console_and_nothing_else(
    server: Server, separate: tuple[int, int]
) -> None:
    api, console = separate

    async def status(port: int, target: str, method: str = "GET") -> int:
        url = URL(f"http://127.0.0.1:{port}{target}", encoded=True)
        async with server.http.request(method, url, allow_redirects=False) as answer:
            return answer.status

    assert await status(console, f"{PATH}/api/sign-in") == 200
    assert await status(console, "/") == 302
    assert await status(console, "/", "POST") == 404
    for target in ("/healthz", "/readyz", "/invite", "/v1/control-channel/mi-1", "/.well-known/ferryman"):
        assert await status(console, target) == 404, target
    assert await status(console, "/v1/data-channel/a", "POST") == 404
    assert await status(console, "/v1/data-channel/a") == 400  # it is there, but this is not an upgrade
    assert await status(api, f"{PATH}/api/sign-in") == 404
    assert await status(api, f"{PATH}/") == 404
    assert await status(api, "/healthz") == 200


async def test_pages_of_other_sites_open_no_channels(server: Server) -> None:
    for path in ("/v1/data-channel/a-0", "/v1/watch/a-0", "/v1/control-channel/mi-0"):
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "https://console.example"):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await server.dial(path, {"Origin": origin})
            assert refused.value.status == 403, (path, origin)


async def test_the_consoles_pages_and_programs_open_channels(server: Server) -> None:
    paired = await server.paired()
    ticket = await server.call("resume_session", SessionId=paired.session_id)
    for headers in ({"Origin": OWN}, {"Origin": f"http://127.0.0.1:{server.port}"}, {}):
        peer = await server.dial(f"/v1/data-channel/{ticket['SessionId']}", headers)
        await peer.close()


async def test_plain_http_from_elsewhere_signs_nobody_in(server: Server) -> None:
    """As if the server were reached at a name, without TLS anywhere."""
    plain = replace(server.service.settings, console=ConsoleSettings(path=PATH))
    object.__setattr__(server.service, "settings", plain)
    browser, key = Browser(server, path=PATH), server.administrator
    body = {"accessKeyId": key.access_key_id, "secretAccessKey": key.secret_access_key.reveal()}
    for path, given in ((f"{PATH}/api/sign-in", body), (f"{PATH}/api/sign-in/link", {"token": "A" * 43})):
        refused = await browser.post(path, given, Origin="http://ferryman.test", Host="ferryman.test")
        assert (refused.status, refused.error) == (403, "InsecureTransport")
    assert not browser.cookies
