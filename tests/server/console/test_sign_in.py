"""Signing a browser in and out, and what its cookie is good for."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.core.console.browser_sessions import SESSIONS_A_PERSON
from ferryman.core.iam.operator import create_access_key, create_user, set_access_key_active
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.server.console.cookie import LOOPBACK_NAME
from tests.server.browsers import Browser
from tests.server.running import Server


@pytest.fixture
def browser(server: Server) -> Browser:
    return Browser(server)


async def user(server: Server, name: str, role: BuiltinRole | None = None) -> Credentials:
    await create_user(server.service, name, role)
    return await create_access_key(server.service, name)


async def test_an_access_key_signs_a_browser_in_until_it_signs_out(server: Server, browser: Browser) -> None:
    assert (await browser.me()).error == "NotSignedIn"
    offered = (await browser.get("/console/api/sign-in")).json()
    assert offered == {
        "region": "test-1",
        "account": "123456789012",
        "providers": [],
        "accessKeys": True,
        "signedIn": False,
    }
    answer = await browser.sign_in()
    assert (answer.status, answer.body) == (204, b"")
    cookie = answer.cookies[LOOPBACK_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Strict", "/", "")
    assert len(cookie.value) == 43
    me = (await browser.me()).json()
    assert (me["arn"], me["name"], me["role"], me["kind"]) == (
        "arn:aws:iam::123456789012:user/root",
        "root",
        "",
        "user",
    )
    assert (await browser.call("sts", "GetCallerIdentity")).json()["Arn"] == me["arn"]
    assert (await browser.get("/console/api/sign-in")).json()["signedIn"]
    stolen = dict(browser.cookies)
    assert (await browser.post("/console/api/sign-out", {})).status == 204
    assert not browser.cookies
    browser.cookies = stolen
    assert (await browser.me()).status == 401
    assert (await browser.call("sts", "GetCallerIdentity")).error == "NotSignedIn"


async def test_temporary_credentials_sign_in_until_they_expire(server: Server, browser: Browser) -> None:
    server.clock.stop()
    alice = await user(server, "alice", BuiltinRole.OPERATOR)
    issued = await asyncio.to_thread(server.client("sts", alice).get_session_token, DurationSeconds=900)
    given = issued["Credentials"]
    key = Credentials(given["AccessKeyId"], Secret(given["SecretAccessKey"]), Secret(given["SessionToken"]))
    assert (await browser.sign_in(key)).status == 204
    me = (await browser.me()).json()
    assert me["expiresAt"][:19] == given["Expiration"].isoformat()[:19]
    server.clock.advance(899)
    assert (await browser.me()).status == 200
    server.clock.advance(2)
    assert (await browser.me()).error == "NotSignedIn"
    assert (await browser.sign_in(key)).error == "ExpiredTokenException"
    wrong = replace(key, secret_access_key=Secret("wrong"))
    assert (await browser.sign_in(wrong)).error == "UnrecognizedClientException"


async def test_unknown_disabled_and_wrong_keys_are_refused_in_the_same_words(server: Server, browser: Browser) -> None:
    disabled = await user(server, "alice")
    await set_access_key_active(server.service, disabled.access_key_id, active=False)
    node = await server.register()
    answers = [
        await browser.sign_in(Credentials("AKIAAAAAAAAAAAAAAAAA", Secret("s"))),
        await browser.sign_in(Credentials(server.administrator.access_key_id, Secret("wrongé"))),
        await browser.sign_in(disabled),
        await browser.sign_in(node.credentials),
    ]
    assert {each.status for each in answers} == {403}
    assert {each.body for each in answers} == {answers[0].body}
    assert answers[0].error == "UnrecognizedClientException"
    assert not browser.cookies


async def test_a_session_ends_with_its_key_and_its_user(server: Server, browser: Browser) -> None:
    key = await user(server, "alice", BuiltinRole.OPERATOR)
    await browser.sign_in(key)
    assert (await browser.me()).status == 200
    await set_access_key_active(server.service, key.access_key_id, active=False)
    assert (await browser.me()).error == "NotSignedIn"
    await set_access_key_active(server.service, key.access_key_id, active=True)
    assert (await browser.me()).status == 200  # the operator only locked it for a while
    alice = await server.store.identities.user_named("alice")
    assert alice is not None
    await server.store.identities.remove_user(alice.user_id)
    assert (await browser.me()).error == "NotSignedIn"


async def test_an_idle_browser_is_signed_out_and_a_page_that_calls_by_itself_is_idle(
    server: Server, browser: Browser
) -> None:
    await browser.sign_in()
    for _ in range(3):
        server.clock.advance(1700)
        assert (await browser.call("sts", "GetCallerIdentity")).status == 200
    server.clock.advance(1000)
    background = await browser.post("/console/api/sts/GetCallerIdentity", {}, X_Ferryman_Background="1")
    assert background.status == (await browser.me()).status == 200
    server.clock.advance(801)
    refused = await browser.me()
    assert refused.error == "NotSignedIn"
    assert "not used" in refused.json()["message"]


async def test_no_use_outlasts_the_longest_session(server: Server, browser: Browser) -> None:
    await browser.sign_in()
    for _ in range(12 * 3600 // 1700):
        server.clock.advance(1700)
        assert (await browser.call("sts", "GetCallerIdentity")).status == 200
    server.clock.advance(1700)
    assert (await browser.me()).error == "NotSignedIn"


async def test_signing_in_ends_the_session_before_and_never_uses_a_given_cookie(
    server: Server, browser: Browser
) -> None:
    browser.cookies[LOOPBACK_NAME] = planted = "A" * 43
    await browser.sign_in()
    first = dict(browser.cookies)
    assert first[LOOPBACK_NAME] != planted
    await browser.sign_in()
    assert browser.cookies != first
    browser.cookies = first
    assert (await browser.me()).status == 401


async def test_one_person_has_a_limited_number_of_browsers(server: Server) -> None:
    browsers = [Browser(server) for _ in range(SESSIONS_A_PERSON + 1)]
    for each in browsers:
        server.clock.advance(1)
        await each.sign_in()
    statuses = [(await each.me()).status for each in browsers]
    assert statuses == [401, *[200] * SESSIONS_A_PERSON]


async def test_a_foreign_cookie_is_not_a_session(server: Server, browser: Browser) -> None:
    await browser.sign_in()
    for token in ("", "short", "A" * 43, "A" * 4000, "é" * 43):
        browser.cookies[LOOPBACK_NAME] = token
        assert (await browser.me()).error == "NotSignedIn", token


async def test_the_store_does_not_hold_the_cookie(server: Server, browser: Browser, tmp_path: Path) -> None:
    await browser.sign_in()
    content = b"".join(each.read_bytes() for each in tmp_path.glob("ferryman.db*"))
    if content:  # SQLite's
        assert server.administrator.access_key_id.encode() in content
    assert browser.cookies[LOOPBACK_NAME].encode() not in content
    assert server.administrator.secret_access_key.reveal().encode() not in content
