"""The console's built files, and the headers of everything below its path."""

import asyncio
import contextlib
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from ferryman.server.application import build
from ferryman.server.console import files
from ferryman.server.console.files import NOT_BUILT, BuiltFiles
from ferryman.server.console.headers import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from tests.server.browsers import Browser
from tests.server.running import Server
from tests.waiting import PATIENCE

Client = TestClient[web.Request, web.Application]
LARGE = 16_000_000
"""Bytes, more than the kernel keeps for a reader."""
SCRIPT = b"console.log('hello')"
COMPRESSED = gzip.compress(SCRIPT)  # which says when


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Files as Vite builds them."""
    static = tmp_path / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text('<!doctype html><script type="module" src="./assets/a-1.js"></script>')
    (static / "icon.svg").write_text("<svg/>")
    (static / "assets/a-1.js").write_bytes(SCRIPT)
    (static / "assets/a-1.js.gz").write_bytes(COMPRESSED)
    (static / "assets/a-1.js.br").write_bytes(b"brotli")
    (tmp_path / "secret.txt").write_text("hidden")
    return static


@pytest.fixture
async def pages(server: Server, built: Path) -> AsyncIterator[Client]:
    """The same service with these files."""
    app = build(server.service, files=BuiltFiles(built))
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_every_place_in_the_console_is_its_page(pages: Client) -> None:
    for path in ("/console/", "/console/sessions/alice-0123", "/console/index.html", "/console/nodes?q=%3Cb%3E"):
        async with pages.get(path) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html"), path
            assert 'src="/console/assets/a-1.js"' in await answer.text()
            assert answer.headers["Cache-Control"] == "no-cache"
            tag = answer.headers["ETag"]
    async with pages.get("/console/", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    async with pages.get("/console", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, "/console/")


async def test_assets_are_sent_as_they_were_compressed_and_kept_forever(pages: Client) -> None:
    sent = {"gzip, deflate, br": ("br", b"brotli"), "gzip": ("gzip", COMPRESSED), "br;q=0": (None, SCRIPT)}
    for accepted, (encoding, body) in sent.items():
        async with pages.get(
            "/console/assets/a-1.js", headers={"Accept-Encoding": accepted}, auto_decompress=False
        ) as answer:
            assert answer.headers.get("Content-Encoding") == encoding
            assert await answer.read() == body
            assert answer.content_type == "text/javascript"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert answer.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "path",
    [
        "assets/missing.js",
        "assets/../../secret.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "assets/a-1.js.gz",
        "api/x",
    ],
)
async def test_nothing_else_is_a_file(pages: Client, path: str) -> None:
    url = URL(str(pages.make_url("/console/")) + path, encoded=True)
    async with pages.session.get(url, allow_redirects=False) as answer:
        body = await answer.read()
        assert b"hidden" not in body
        assert answer.status == 404 or answer.content_type == "text/html"
        assert not path.startswith(("assets/m", "api")) or answer.status == 404


async def test_the_page_is_read_again_after_a_build(pages: Client, built: Path) -> None:
    (built / "index.html").write_text("<!doctype html>newer")
    async with pages.get("/console/") as answer:
        assert "newer" in await answer.text()


async def test_every_response_below_the_path_is_protected(server: Server, pages: Client) -> None:
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY
    for path in ("/console/", "/console/assets/a-1.js", "/console/assets/x", "/console/api/me", "/console/api/sign-in"):
        async with pages.get(path) as answer:
            for name, value in SECURITY_HEADERS.items():
                assert answer.headers[name] == value, (path, name)
            assert "Cache-Control" in answer.headers
    async with pages.post("/console/api/sts/GetCallerIdentity") as answer:
        assert answer.status == 403
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    async with pages.get("/healthz") as answer:
        assert "Content-Security-Policy" not in answer.headers


async def test_a_browser_at_the_front_door_is_led_to_the_console(server: Server) -> None:
    browser = Browser(server)
    led = await browser.get("/", {"Accept": "text/html,*/*;q=0.8"})
    assert (led.status, led.headers["Location"]) == (302, "/console/")
    assert (await browser.get("/")).error == "UnknownOperationException"
    assert (await browser.get("/?Action=Nothing", {"Accept": "text/html"})).status == 400


async def test_a_server_without_built_files_says_so(server: Server, tmp_path: Path) -> None:
    app = build(server.service, files=BuiltFiles(tmp_path / "none"))
    async with TestClient(TestServer(app)) as client, client.get("/console/sessions") as answer:
        assert (answer.status, answer.content_type) == (503, "text/plain")
        assert await answer.text() == NOT_BUILT


async def test_a_reader_who_stalls_is_dropped_and_holds_little(
    pages: Client, built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dropped, send = asyncio.Event(), files._send

    async def observed(request: web.Request, response: web.StreamResponse, body: bytes) -> None:
        await send(request, response, body)
        dropped.set()

    monkeypatch.setattr(files, "SEND_SECONDS", 0.5)
    monkeypatch.setattr(files, "_send", observed)
    (built / "assets/large.wasm").write_bytes(bytes(LARGE))
    (built / "index.html").write_text("<!doctype html>")
    reader, writer = await asyncio.open_connection("127.0.0.1", pages.port, limit=1024)
    writer.write(b"GET /console/assets/large.wasm HTTP/1.1\r\nHost: localhost\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        await dropped.wait()  # nobody reads meanwhile
        received = 0
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(1 << 20):
                received += len(piece)
    writer.close()
    assert received < LARGE
    monkeypatch.setattr(files, "SEND_SECONDS", PATIENCE)
    async with pages.get("/console/assets/large.wasm") as answer:
        assert len(await answer.read()) == LARGE
