"""Links that sign a browser in: once, within a minute, and as their creator."""

import asyncio
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from ferryman.core.iam.operator import create_access_key, create_user, set_access_key_active
from ferryman.core.service import ConsoleSettings, Service
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.server.browsers import Answer, Browser
from tests.server.callers.own_calls import call
from tests.server.running import Recorded, Server

PAGE = "/console/api/sign-in/link"


@pytest.fixture
def enabled() -> bool:
    return True


@pytest.fixture
def recorded(enabled: bool) -> Recorded:
    """Set the console's settings."""

    def changed(service: Service) -> Service:
        return replace(service, settings=replace(service.settings, console=ConsoleSettings(enabled=enabled)))

    return changed


async def new_link(server: Server, credentials: Credentials | None = None) -> str:
    """The token of a new link."""
    url = str((await call(server, "CreateConsoleLink", credentials))["ConsoleUrl"])
    address, _, token = url.partition("#")
    assert address == f"http://ferryman.test{PAGE}"
    return token


async def follow(browser: Browser, token: str) -> Answer:
    return await browser.post(PAGE, {"token": token})


async def test_a_link_signs_one_browser_in_as_its_creator(server: Server) -> None:
    await create_user(server.service, "alice", BuiltinRole.OPERATOR)
    key = await create_access_key(server.service, "alice")
    token = await new_link(server, key)
    browsers = [Browser(server) for _ in range(5)]
    answers = await asyncio.gather(*(follow(browser, token) for browser in browsers))
    assert sorted(answer.status for answer in answers) == [204, 403, 403, 403, 403]
    signed_in = next(browser for browser in browsers if browser.cookies)
    assert (await signed_in.me()).json()["name"] == "alice"
    await set_access_key_active(server.service, key.access_key_id, active=False)
    assert (await signed_in.me()).error == "NotSignedIn"


async def test_a_link_is_not_used_up_by_looking_at_it(server: Server) -> None:
    token, browser = await new_link(server), Browser(server)
    for _ in range(3):
        page = await browser.get(PAGE)
        assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert (await browser.send("HEAD", PAGE, None, {})).status == 200
    assert (await follow(browser, token)).status == 204


async def test_only_who_opened_the_link_is_signed_in_without_a_question(server: Server) -> None:
    browser = Browser(server)
    for site, direct in ((None, "yes"), ("none", "yes"), ("cross-site", "no"), ("same-site", "no")):
        page = await browser.get(PAGE, {} if site is None else {"Sec-Fetch-Site": site})
        assert f'data-direct="{direct}"' in page.body.decode()
        assert page.headers["Cache-Control"] == "no-store"
    script = await browser.get(f"{PAGE}.js")
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert "innerHTML" not in script.body.decode()


async def test_a_late_link_is_refused(server: Server) -> None:
    token = await new_link(server)
    server.clock.advance(60)
    assert (await follow(Browser(server), token)).error == "InvalidLink"


async def test_a_foreign_token_is_refused(server: Server) -> None:
    for token in ("x", "A" * 43, "A" * 128):
        answer = await follow(Browser(server), token)
        assert (answer.status, answer.error) == (403, "InvalidLink")


async def test_a_link_of_disabled_credentials_is_refused(server: Server) -> None:
    await create_user(server.service, "alice", BuiltinRole.OPERATOR)
    key = await create_access_key(server.service, "alice")
    token = await new_link(server, key)
    await set_access_key_active(server.service, key.access_key_id, active=False)
    assert (await follow(Browser(server), token)).error == "InvalidLink"


async def test_a_link_of_temporary_credentials_ends_with_them(server: Server) -> None:
    issued = await asyncio.to_thread(server.client("sts").get_session_token, DurationSeconds=900)
    given = issued["Credentials"]
    key = Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))
    browser = Browser(server)
    assert (await follow(browser, await new_link(server, key))).status == 204
    server.clock.advance(901)
    assert (await browser.me()).error == "NotSignedIn"


async def test_a_new_link_voids_the_oldest_of_many(server: Server) -> None:
    tokens = []
    for _ in range(6):
        server.clock.advance(1)
        tokens.append(await new_link(server))
    answers = [await follow(Browser(server), token) for token in tokens]
    assert [answer.status for answer in answers] == [403, 204, 204, 204, 204, 204]


@pytest.mark.parametrize("enabled", [False])
async def test_a_console_that_is_off_has_no_links_and_no_pages(server: Server) -> None:
    with pytest.raises(ClientError) as refused:
        await call(server, "CreateConsoleLink")
    assert refused.value.response["Error"]["Code"] == "ConsoleDisabled"
    browser = Browser(server)
    for path in ("/console/", "/console/api/me", "/console/api/sign-in"):
        assert (await browser.get(path)).status == 404
    assert (await browser.sign_in()).status == 404
    assert (await browser.get("/", {"Accept": "text/html"})).error == "UnknownOperationException"
