"""Who is told of access requests, from the configuration to the post."""

import asyncio
import hmac
import json
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp import web

from ferryman.bootstrap.access.notices import open_notices
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.service import open_service
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.model.failures import Failure
from tests.waiting import PATIENCE

SECRET = "0123456789abcdef"


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialise(ServerPlan(tmp_path_factory.mktemp("server"))).configuration


def configured(initialised: Path, url: str, settings: str = "") -> Path:
    secret = initialised.with_name("webhook.secret")
    secret.write_text(SECRET)
    secret.chmod(0o600)
    path = initialised.with_name("changed.toml")
    webhook = f'[access.webhook]\nurl = "{url}"\nsecret_file = "webhook.secret"\n'
    path.write_text(f"{initialised.read_text()}\n[access]\n{settings}\n{webhook}")
    return path


async def test_a_notice_is_posted_signed_and_no_redirect_followed(initialised: Path) -> None:
    got: asyncio.Queue[tuple[str, dict[str, str], bytes]] = asyncio.Queue()

    async def answer(request: web.Request) -> web.Response:
        got.put_nowait((request.path, dict(request.headers), await request.read()))
        raise web.HTTPTemporaryRedirect("/elsewhere")

    application = web.Application()
    application.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    loaded = load(configured(initialised, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"))
    async with open_service(loaded) as plain, open_notices(loaded, plain) as service:
        service.notices.put({"id": "1", "detail": {"status": "Pending"}})
        posts = [await asyncio.wait_for(got.get(), PATIENCE) for _ in range(2)]
    await runner.cleanup()
    for path, headers, body in posts:
        assert path == "/hook"
        assert json.loads(body) == {"id": "1", "detail": {"status": "Pending"}}
        signed = headers["Ferryman-Timestamp"].encode() + b"." + body
        assert headers["Ferryman-Signature"] == "v1=" + hmac.new(SECRET.encode(), signed, sha256).hexdigest()


async def test_the_end_of_access_ends_sessions_unless_configured_otherwise(initialised: Path) -> None:
    url = "https://hooks.example/ferryman"
    for settings, ends in (("", True), ("end_sessions = false", False)):
        async with open_service(load(configured(initialised, url, settings))) as service:
            assert service.settings.access.end_sessions is ends


@pytest.mark.parametrize(
    "url", ["http://hooks.example/", "https://user:password@hooks.example/", "ftp://127.0.0.1/", "https://[x"]
)
def test_notices_go_to_no_such_address(initialised: Path, url: str) -> None:
    with pytest.raises(Failure, match=r"access\.webhook\.url"):
        load(configured(initialised, url))


def test_events_need_a_secret_and_chat_services_do_not(initialised: Path) -> None:
    path = configured(initialised, "https://hooks.example/ferryman")
    path.write_text(path.read_text().replace('secret_file = "webhook.secret"', ""))
    with pytest.raises(Failure, match=r"access\.webhook\.secret_file is missing"):
        load(path)
    path.write_text(path.read_text() + 'template = "slack"\n')
    webhook = load(path).configuration.access.webhook
    assert webhook is not None
    assert (webhook.template, webhook.secret_file) == ("slack", None)
