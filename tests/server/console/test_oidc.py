"""Signing a browser in at an OpenID Connect provider."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from ferryman.core.providers.endpoints import Answer as Posted
from ferryman.core.service import ConsoleSettings, Service
from ferryman.model.identity.console_providers import ConsoleProvider
from ferryman.model.values.secret import Secret
from ferryman.transport.fetch import Documents
from tests.ports import free_port
from tests.server.browsers import Answer, Browser
from tests.server.oidc_issuer import CodeIssuer
from tests.server.running import ACCOUNT, Recorded, Server, until

START, CALLBACK = "/console/api/sign-in/oidc/company", "/console/api/sign-in/callback"
PEOPLE, ADMINS = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("Admins", "People"))
ROLES = (PEOPLE, ADMINS)


@pytest.fixture
async def issuer() -> AsyncIterator[CodeIssuer]:
    async with CodeIssuer().running() as running:
        yield running


@pytest.fixture
async def recorded(issuer: CodeIssuer) -> AsyncIterator[Recorded]:
    """Let the service fetch, and name its provider."""
    documents = Documents(user_agent="ferryman-test")

    async def post(url: str, form: Any, basic: tuple[str, str] | None) -> Posted:
        answer = await documents.post(url, form, basic)
        return Posted(answer.status, answer.body)

    def changed(service: Service) -> Service:
        provider = ConsoleProvider("company", "The Company", issuer.url, "console", ROLES, Secret(issuer.secret))
        console = ConsoleSettings(providers=(provider,))
        settings = replace(service.settings, oidc_on_loopback=True, console=console)
        return replace(service, settings=settings, fetch=documents.fetch, post_form=post)

    async with documents:
        yield changed


@pytest.fixture
async def browser(server: Server, issuer: CodeIssuer) -> Browser:
    """A browser; People are all who sign in at the provider, Admins those in its group `root`."""
    name = issuer.url.removeprefix("http://")

    def register() -> None:
        iam = server.client("iam")
        clients = ["console", "another"]
        arn = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=clients)["OpenIDConnectProviderArn"]
        allow = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
        bound = {"StringEquals": {"sts:RoleSessionName": f"${{{name}:email}}"}}
        root = {"ForAnyValue:StringEquals": {f"{name}:groups": "root"}}
        for role, condition in (("People", bound), ("Admins", root)):
            trust = json.dumps({"Version": "2012-10-17", "Statement": allow | {"Condition": condition}})
            iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust, MaxSessionDuration=7200)
        iam.attach_role_policy(RoleName="People", PolicyArn="arn:aws:iam::aws:policy/FerrymanOperator")

    await asyncio.to_thread(register)
    return Browser(server)


async def go(browser: Browser, **query: str) -> str:
    answer = await browser.get(f"{START}?{urlencode(query)}")
    assert answer.status == 302, answer.body
    return answer.headers["Location"]


async def come_back(browser: Browser, query: dict[str, str]) -> Answer:
    return await browser.get(f"{CALLBACK}?{urlencode(query)}", {"Sec-Fetch-Site": "cross-site"})


def reason(answer: Answer) -> str:
    assert answer.status == 302, answer.body
    before, _, code = answer.headers["Location"].partition("?signInError=")
    assert before == "/console/"
    return code


async def test_a_person_signs_in_in_the_role_that_admits_them(browser: Browser, issuer: CodeIssuer) -> None:
    offered = (await browser.get("/console/api/sign-in")).json()["providers"]
    roles = [{"name": "Admins", "arn": ROLES[0]}, {"name": "People", "arn": ROLES[1]}]
    assert offered == [{"id": "company", "name": "The Company", "kind": "oidc", "roles": roles}]
    begun = await browser.get(f"{START}?return=/console/nodes%3Fq%3Dweb%25201")
    attempt, location = begun.cookies["ferryman-oidc"], begun.headers["Location"]
    assert (attempt["httponly"], attempt["samesite"], attempt["max-age"]) == (True, "Lax", "600")
    done = await come_back(browser, issuer.sign_in(location))
    assert (done.status, done.headers["Location"]) == (302, "/console/nodes?q=web%201")
    assert set(browser.cookies) == {"ferryman"}  # the attempt's is gone
    me = (await browser.me()).json()
    assert me["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/People/shirley@example.com"
    assert (me["kind"], me["role"], me["name"]) == ("role", "People", "shirley@example.com")
    assert (await browser.call("ssm", "DescribeSessions", State="Active")).status == 200
    assert (await browser.call("iam", "ListUsers")).error == "AccessDeniedException"
    browser.server.clock.advance(1700)
    for _ in range(3):
        assert (await browser.call("sts", "GetCallerIdentity")).status == 200
        browser.server.clock.advance(1700)
    assert (await browser.call("sts", "GetCallerIdentity")).status == 200
    browser.server.clock.advance(500)
    assert (await browser.me()).error == "NotSignedIn"  # the role's sessions last two hours


async def test_a_session_ends_with_its_role(server: Server, browser: Browser, issuer: CodeIssuer) -> None:
    await come_back(browser, issuer.sign_in(await go(browser)))
    assert (await browser.me()).status == 200

    def delete() -> None:
        iam = server.client("iam")
        iam.detach_role_policy(RoleName="People", PolicyArn="arn:aws:iam::aws:policy/FerrymanOperator")
        iam.delete_role(RoleName="People")

    await asyncio.to_thread(delete)
    assert (await browser.me()).error == "NotSignedIn"


async def test_a_role_can_be_chosen_of_those_that_are_offered(browser: Browser, issuer: CodeIssuer) -> None:
    assert reason(await browser.get(f"{START}?role=Other")) == "role"
    denied = await come_back(browser, issuer.sign_in(await go(browser, role="Admins")))
    assert reason(denied) == "denied"
    assert not browser.cookies
    issuer.claims["groups"] = ["root"]
    await come_back(browser, issuer.sign_in(await go(browser, role="People")))
    assert (await browser.me()).json()["role"] == "People"
    await come_back(browser, issuer.sign_in(await go(browser)))
    assert (await browser.me()).json()["role"] == "Admins"


async def test_a_client_secret_in_the_form_where_the_provider_takes_it(browser: Browser, issuer: CodeIssuer) -> None:
    issuer.discovery_changes["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    await come_back(browser, issuer.sign_in(await go(browser)))
    assert (await browser.me()).status == 200


async def test_what_another_browser_began_signs_nobody_in(server: Server, browser: Browser, issuer: CodeIssuer) -> None:
    """An attacker's own answer, which would sign the victim in as the attacker; and a stolen answer."""
    victim, attacker = browser, Browser(server)
    answer = issuer.sign_in(await go(attacker))
    assert reason(await come_back(victim, answer)) == "expired"
    await go(victim)
    assert reason(await come_back(victim, answer)) == "expired"
    assert (await victim.me()).status == 401
    stolen = issuer.sign_in(await go(victim))
    assert reason(await come_back(attacker, stolen)) == "expired"


async def test_an_answer_is_used_once(browser: Browser, issuer: CodeIssuer) -> None:
    location = await go(browser)
    kept, answer = dict(browser.cookies), issuer.sign_in(location)
    assert (await come_back(browser, answer)).headers["Location"] == "/console/"
    again = Browser(browser.server, kept)
    assert reason(await come_back(again, answer)) == "provider"


async def test_an_answer_that_comes_late_is_refused(browser: Browser, issuer: CodeIssuer) -> None:
    answer = issuer.sign_in(await go(browser))
    browser.server.clock.advance(600)
    assert reason(await come_back(browser, answer)) == "expired"


OTHER_TOKENS: Sequence[dict[str, Any]] = (
    {"nonce": "another"},
    {"nonce": None},
    {"aud": "another"},
    {"aud": "foreign"},
    {"iss": "http://127.0.0.1:1"},
    {"exp": 1},
    {"sub": ""},
    {"email": 7, "sub": "x"},
)


async def test_a_token_for_something_else_signs_nobody_in(browser: Browser, issuer: CodeIssuer) -> None:
    for changes in OTHER_TOKENS:
        issuer.changes = changes
        assert reason(await come_back(browser, issuer.sign_in(await go(browser)))) == "provider", changes
        assert not browser.cookies


async def test_a_token_of_another_provider_that_the_role_trusts_signs_nobody_in(
    server: Server, browser: Browser, issuer: CodeIssuer
) -> None:
    async with CodeIssuer().running() as other:
        iam = await asyncio.to_thread(server.client, "iam")

        def trust() -> None:
            arn = iam.create_open_id_connect_provider(Url=other.url, ClientIDList=["console"])
            federated = {"Federated": arn["OpenIDConnectProviderArn"]}
            allow = {"Effect": "Allow", "Principal": federated, "Action": "sts:AssumeRoleWithWebIdentity"}
            document = json.dumps({"Version": "2012-10-17", "Statement": allow})
            iam.update_assume_role_policy(RoleName="People", PolicyDocument=document)

        await asyncio.to_thread(trust)
        issuer.changes = {"iss": other.url}
        assert reason(await come_back(browser, issuer.sign_in(await go(browser)))) == "provider"
    assert not browser.cookies


OTHER_ANSWERS: Sequence[dict[str, str]] = (
    {"error": "access_denied"},
    {"code": ""},
    {"code": "x" * 5000},
    {"code": "guess"},
    {"iss": "https://other.example"},
)


async def test_other_answers_are_refused(browser: Browser, issuer: CodeIssuer) -> None:
    for change in OTHER_ANSWERS:
        assert reason(await come_back(browser, issuer.sign_in(await go(browser)) | change)) == "provider", change


async def test_a_forged_cookie_is_not_an_attempt(browser: Browser, issuer: CodeIssuer) -> None:
    answer = issuer.sign_in(await go(browser))
    for value in ("", "x", "A" * 300, browser.cookies["ferryman-oidc"][:-4] + "AAAA"):
        browser.cookies = {"ferryman-oidc": value}
        assert reason(await come_back(browser, answer)) == "expired"


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/console",
    "/elsewhere",
    "/consoles/",
    "/console/\r\nSet-Cookie: a=b",
    "/console/é",
    "/console/api/sign-in/link",
    "/console/" + "x" * 600,
    "javascript:alert(1)",
)


async def test_nobody_is_sent_anywhere_but_into_the_console(browser: Browser, issuer: CodeIssuer) -> None:
    for wanted in ELSEWHERE:
        done = await come_back(browser, issuer.sign_in(await go(browser, **{"return": wanted})))
        assert done.headers["Location"] == "/console/", wanted


async def test_an_unknown_provider_and_one_that_does_not_answer(browser: Browser, issuer: CodeIssuer) -> None:
    browser.server.clock.stop()  # a slow machine does not outlast the pause between two questions
    assert reason(await browser.get("/console/api/sign-in/oidc/other")) == "provider"
    issuer.discovery_changes["authorization_endpoint"] = "http://elsewhere.example/authorize"
    for _ in range(5):
        assert reason(await browser.get(START)) == "provider"
    assert issuer.asked == 1  # a stranger's requests do not become the server's
    issuer.discovery_changes = {"issuer": "http://127.0.0.1:1"}
    browser.server.clock.advance(11)
    assert reason(await browser.get(START)) == "provider"
    assert issuer.asked == 2
    browser.server.clock.advance(11)
    issuer.discovery_changes.clear()
    assert (await go(browser)).startswith(issuer.url)


async def test_guessed_codes_are_counted(
    server: Server, browser: Browser, issuer: CodeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's patience is not used up by one who guesses."""
    monkeypatch.setattr("ferryman.server.http.admission.failed_attempts._counted_address", lambda request, peer: peer)
    server.clock.stop()
    answer = issuer.sign_in(await go(browser)) | {"code": "guess"}
    cookies = dict(browser.cookies)
    refused = 0
    for _ in range(80):
        again = Browser(server, dict(cookies))
        got = await come_back(again, answer)
        refused += got.status == 400
    assert issuer.posted == 80 - refused == 60


async def test_a_real_provider(server: Server, browser: Browser) -> None:
    """`oidc-provider-mock`, over its own pages: nothing here knows how it works."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            provider = replace(server.service.settings.console.providers[0], issuer=url)
            console = replace(server.service.settings.console, providers=(provider,))
            object.__setattr__(server.service.settings, "console", console)
            iam = await asyncio.to_thread(server.client, "iam")
            register = partial(iam.create_open_id_connect_provider, Url=url, ClientIDList=["console"])
            arn = (await asyncio.to_thread(register))["OpenIDConnectProviderArn"]
            allow = {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": "sts:AssumeRoleWithWebIdentity"}
            change = partial(iam.update_assume_role_policy, RoleName="People")
            await asyncio.to_thread(change, PolicyDocument=json.dumps({"Statement": allow}))

            async def answers() -> bool:
                try:
                    async with server.http.get(url):
                        return True
                except aiohttp.ClientError:
                    assert process.poll() is None
                    return False

            await until(answers, bool)
            location = await go(browser)
            form = {"sub": "shirley@example.com"}
            async with server.http.post(location, data=form, allow_redirects=False) as answer:
                back = answer.headers["Location"]
            callback = back.partition("/console/")[2]
            assert back.startswith(f"http://ferryman.test{CALLBACK}?")
            assert (await browser.get(f"/console/{callback}")).headers["Location"] == "/console/"
            assert (await browser.me()).json()["name"] == "shirley@example.com"
        finally:
            process.terminate()
