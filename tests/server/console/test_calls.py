"""Calls of the API by a browser: operations, policies and records are those of signed calls, and nobody else calls."""

from collections.abc import Sequence

import pytest

from ferryman.awsapi.models import operation_model
from ferryman.core.authorization.decisions import _AGENT_ACTIONS
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.server.application import build
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY, FOR_BROWSERS
from tests.server.browsers import Browser
from tests.server.callers.model_values import BESIDES, minimal
from tests.server.running import Server

NEEDS_NO_POLICY = {("sts", "GetCallerIdentity")}
ASKED = sorted(FOR_BROWSERS - NEEDS_NO_POLICY)


@pytest.fixture
async def browser(server: Server) -> Browser:
    browser = Browser(server)
    await browser.sign_in()
    return browser


async def test_nothing_is_allowed_without_a_policy(server: Server) -> None:
    await create_user(server.service, "nobody")
    browser = Browser(server)
    await browser.sign_in(await create_access_key(server.service, "nobody"))
    for service, operation in ASKED:
        model = operation_model(service, operation)
        assert model is not None
        given = BESIDES.get((service, operation), {}) | (minimal(model.input_shape) if model.input_shape else {})
        answer = await browser.call(service, operation, **given)
        assert (answer.status, answer.error) == (400, "AccessDeniedException"), (operation, answer.body)
        assert ":user/nobody is not authorized to perform: " in answer.json()["message"]


async def test_what_agents_and_strangers_call_is_not_for_browsers(browser: Browser) -> None:
    others = {*BY_CALLER, *BY_NODE_KEY, *BY_ANYONE} - FOR_BROWSERS
    assert others >= {("ssm", "UpdateInstanceInformation"), ("ssm", "RegisterManagedInstance")}
    assert others >= {("sts", "GetSessionToken"), ("ferryman", "CreateConsoleLink")}  # they would outlast a cookie
    assert not {f"{service}:{operation}" for service, operation in FOR_BROWSERS} & _AGENT_ACTIONS
    for service, operation in sorted(others):
        answer = await browser.call(service, operation)
        assert answer.error == "UnknownOperationException", operation


async def test_unknown_operations_are_refused(browser: Browser) -> None:
    for path in ("ssm/Nothing", "nothing/StartSession", "s3/ListBuckets", "ssm/StartFleet"):
        answer = await browser.post(f"/console/api/{path}", {})
        assert (answer.status, answer.error) == (400, "UnknownOperationException"), path


async def test_json_is_spoken_for_every_service(browser: Browser) -> None:
    made = await browser.call("iam", "CreateUser", UserName="alice")
    assert made.json()["User"]["Arn"] == "arn:aws:iam::123456789012:user/alice"
    assert isinstance(made.json()["User"]["CreateDate"], int | float)
    assert (await browser.call("iam", "GetUser", UserName="nobody")).error == "NoSuchEntity"
    assert (await browser.call("ssm", "DescribeSessions", State="Active")).json() == {"Sessions": []}
    wrong = await browser.call("ssm", "DescribeSessions", State="Sleeping")
    assert (wrong.status, wrong.error) == (400, "ValidationException")
    broken = await browser.post("/console/api/ssm/DescribeSessions", b"{")
    assert broken.error == "SerializationException"


SENT: Sequence[tuple[dict[str, str | None], int]] = (
    ({"Origin": None}, 403),
    ({"Origin": "null"}, 403),
    ({"Origin": "http://evil.example"}, 403),
    ({"Origin": "http://127.0.0.1:1"}, 403),
    ({"Origin": "http://localhost"}, 403),
    ({"Origin": "http://evil.example", "Host": "evil.example"}, 403),
    ({"Origin": "https://ferryman.test"}, 403),
    ({"Origin": "http://ferryman.test.evil.example"}, 403),
    ({"Origin": "http://ferryman.test@evil.example"}, 403),
    ({"Origin": "http://[::1"}, 403),
    ({"X_Ferryman_Console": None}, 403),
    ({"Content_Type": "text/plain"}, 415),
    ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
    ({"Content_Type": None}, 415),
    ({"Origin": "http://ferryman.test"}, 200),
    ({"Content_Type": "application/json; charset=utf-8"}, 200),
)
"""What differs from a request of the console's own pages, and its status."""


async def test_only_the_consoles_own_pages_call(browser: Browser) -> None:
    for changed, status in SENT:
        answer = await browser.post("/console/api/sts/GetCallerIdentity", {}, **changed)
        assert answer.status == status, (changed, answer.body)


async def test_every_post_is_protected(server: Server, browser: Browser) -> None:
    routes = [route for route in build(server.service).router.routes() if route.method == "POST"]
    paths = [route.resource.canonical for route in routes if route.resource is not None]
    below = sorted(each for each in paths if each.startswith("/console/"))
    assert "/console/api/sign-in" in below
    for each in below:
        path = each.replace("{service}", "sts").replace("{operation}", "GetCallerIdentity")
        foreign = await browser.post(path, {}, Origin="https://evil.example")
        assert (foreign.status, foreign.error) == (403, "ForbiddenOrigin"), path
        plain = await browser.post(path, {}, X_Ferryman_Console=None)
        assert plain.status == 403, path


async def test_a_signature_is_not_a_cookie_and_a_cookie_not_a_signature(server: Server, browser: Browser) -> None:
    signed = server.signed("POST", "/console/api/sts/GetCallerIdentity", "", b"{}", service="sts")
    stranger = Browser(server)
    answer = await stranger.post("/console/api/sts/GetCallerIdentity", b"{}", Authorization=signed["Authorization"])
    assert answer.error == "NotSignedIn"
    status, error = await server.json_call(
        "AmazonSSM.DescribeSessions", b'{"State":"Active"}', {"Cookie": f"ferryman={browser.cookies['ferryman']}"}
    )
    assert (status, error["__type"]) == (400, "MissingAuthenticationTokenException")
