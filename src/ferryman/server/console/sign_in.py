"""Signing a browser in with an access key, and out; and who is signed in."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol
from ferryman.core.audit.records import SIGN_IN_SERVICE, ObservedCall, demand_trail
from ferryman.core.console.browser_sessions import (
    NotSignedIn,
    begin_browser_session,
    end_browser_session,
)
from ferryman.core.console.sign_in import check_access_key
from ferryman.model.identifiers import Millis
from ferryman.model.identity.callers import Caller
from ferryman.model.identity.console_providers import ConsoleProvider
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.model.values.timestamps import from_millis, iso_millis
from ferryman.model.values.versions import PRODUCT_VERSION
from ferryman.server.console.calls import find_signed_in, recognised
from ferryman.server.console.cookie import clear_cookie, require_safe_transport, set_cookie, token_of
from ferryman.server.console.json import json_response, read_json
from ferryman.server.http.admission.authentication import origin_of
from ferryman.server.http.admission.failed_attempts import counted_attempt
from ferryman.server.http.admission.throttling import authentication_turn
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.call_context import CONTEXT
from ferryman.server.listener.connection import recognise

CONSOLE_LOGIN, CONSOLE_LOGOUT = "ConsoleLogin", "ConsoleLogout"
Check = Callable[[], Awaitable[Caller]]
"""Finds out who signs in; raises `ServiceError`."""


class AccessKeySignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """An access key; temporary credentials have a session token."""

    access_key_id: Annotated[str, Meta(min_length=1, max_length=128)]
    secret_access_key: Annotated[str, Meta(min_length=1, max_length=128)]
    session_token: Annotated[str, Meta(max_length=8192)] | None = None


class Nothing(msgspec.Struct, frozen=True):
    """An object without members."""


async def describe_sign_in(request: web.Request) -> web.Response:
    """Return how a browser can sign in here, and whether it is."""
    settings = request.app[GATEWAY].service.settings
    try:
        await find_signed_in(request)
        signed_in = True
    except NotSignedIn:
        signed_in = False
    return json_response(
        {
            "region": settings.region,
            "account": settings.account_id,
            "providers": [_offered(each) for each in settings.console.providers],
            "accessKeys": True,
            "signedIn": signed_in,
        }
    )


async def sign_in_with_access_key(request: web.Request) -> web.Response:
    """Check an access key and sign the browser in."""
    given = await read_json(request, AccessKeySignIn)
    require_safe_transport(request)
    service = request.app[GATEWAY].service
    token = None if given.session_token is None else Secret(given.session_token)
    credentials = Credentials(given.access_key_id, Secret(given.secret_access_key), token)
    return await sign_in(
        request,
        given.access_key_id,
        "access key",
        lambda: check_access_key(service, credentials, origin_of(request)),
        claimed_key=given.access_key_id,
    )


async def sign_in(
    request: web.Request, claim: str, method: str, check: Check, *, claimed_key: str | None = None
) -> web.Response:
    """Sign the browser in as whom `check` returns, which costs a turn, and answer 204 with its cookie."""

    async def check_in_turn() -> Caller:
        async with authentication_turn(request, claim):
            return await check()

    token = await begin_session(request, claim, method, check_in_turn, claimed_key=claimed_key)
    response = web.Response(status=204)
    set_cookie(request, response, token)
    return response


async def begin_session(
    request: web.Request, claim: str, method: str, check: Check, *, claimed_key: str | None = None
) -> Secret:
    """Begin a session of the browser as whom `check` returns, and return its cookie's value; the trail records it.

    A failure is counted by `claim`. A session that the browser had before ends: nobody can have chosen the new one's
    cookie.
    """
    service, context = request.app[GATEWAY].service, request[CONTEXT]
    context.call = ApiCall(SIGN_IN_SERVICE, CONSOLE_LOGIN, ApiProtocol.JSON)
    observed = context.observed = _observed(request, CONSOLE_LOGIN, claimed_key)
    observed.parameters = {"SignInMethod": method}
    with counted_attempt(request, claim) as attempt:
        caller = await check()
        attempt.holder = caller.person_id
    observed.caller, observed.claimed_key = caller, caller.access_key_id
    demand_trail(service, CONSOLE_LOGIN, caller)
    recognise(request, caller.person_id)
    await end_browser_session(service, token_of(request))
    token, _ = await begin_browser_session(service, caller)
    observed.result = {CONSOLE_LOGIN: "Success"}
    return token


async def sign_out(request: web.Request) -> web.Response:
    """End the browser's session on every server; without one nothing happens."""
    await read_json(request, Nothing)
    service, context, token = request.app[GATEWAY].service, request[CONTEXT], token_of(request)
    try:
        signed_in = await recognised(request)
    except NotSignedIn:
        pass
    else:
        context.call = ApiCall(SIGN_IN_SERVICE, CONSOLE_LOGOUT, ApiProtocol.JSON)
        context.observed = _observed(request, CONSOLE_LOGOUT, signed_in.caller.access_key_id)
        context.observed.caller = signed_in.caller
        context.observed.result = {CONSOLE_LOGOUT: "Success"}
    await end_browser_session(service, token)
    response = web.Response(status=204)
    clear_cookie(request, response)
    return response


async def describe_me(request: web.Request) -> web.Response:
    """Return who is signed in, and until when."""
    service = request.app[GATEWAY].service
    signed_in = await recognised(request)
    caller, session = signed_in.caller, signed_in.session
    return json_response(
        {
            "arn": caller.arn,
            "account": caller.account_id,
            "region": service.settings.region,
            "name": caller.name,
            "role": caller.role_arn.rpartition("/")[2],
            "kind": caller.kind.value,
            "signedInAt": _shown(session.signed_in_at),
            "expiresAt": _shown(session.expires_at),
            "idleExpiresAt": _shown(signed_in.idle_expires_at(service)),
            "version": PRODUCT_VERSION,
        }
    )


def _offered(provider: ConsoleProvider) -> dict[str, object]:
    roles = [{"name": arn.rpartition("/")[2], "arn": arn} for arn in provider.role_arns]
    return {"id": provider.provider_id, "name": provider.name, "kind": "oidc", "roles": roles}


def _observed(request: web.Request, operation: str, claimed_key: str | None) -> ObservedCall:
    agent = request.headers.get("User-Agent", "")
    return ObservedCall(SIGN_IN_SERVICE, operation, request[CONTEXT].request_id, request.remote, agent, claimed_key)


def _shown(moment: Millis) -> str:
    return iso_millis(from_millis(moment))
