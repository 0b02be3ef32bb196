"""Calls of the API by a browser: the steps of `http.pipeline`, but the cookie says who calls, and all is JSON."""

from dataclasses import replace

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall, ApiProtocol, unknown_operation
from ferryman.awsapi.models import SERVICES, operation_model
from ferryman.core.console.browser_sessions import NotSignedIn, SignedIn, find_browser_session, note_browser_use
from ferryman.server.console.cookie import token_of
from ferryman.server.console.json import require_console_request
from ferryman.server.http import steps
from ferryman.server.http.admission.authentication import origin_of
from ferryman.server.http.admission.own_origin import ForbiddenOrigin
from ferryman.server.http.admission.throttling import authentication_turn
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.call_context import CallContext
from ferryman.server.http.call_records import observed_call
from ferryman.server.http.pipeline import Step, answer
from ferryman.server.listener.connection import recognise
from ferryman.server.operations.registry import FOR_BROWSERS

BACKGROUND = "X-Ferryman-Background"
"""Header of calls that the page makes by itself: they do not keep an unattended browser signed in."""
_CLAIM = "browser"


async def require_page(request: web.Request, context: CallContext) -> None:
    """Refuse what a page of another site may have sent."""
    require_console_request(request)


async def identify_operation(request: web.Request, context: CallContext) -> None:
    """Find out from the path which operation is called."""
    service, operation = request.match_info["service"], request.match_info["operation"]
    if service not in SERVICES or operation_model(service, operation) is None:
        raise unknown_operation(f"{service[:40]}:{operation[:100]}")
    context.call = ApiCall(service, operation, ApiProtocol.JSON)


async def begin_record(request: web.Request, context: CallContext) -> None:
    """Begin the call's audit record, without the key that an Authorization header may claim."""
    assert context.call is not None  # noqa: S101 the order of the pipeline
    observed = observed_call(request, context.call, context.signed)
    context.observed = replace(observed, claimed_key=None, from_console=True)


async def authenticate(request: web.Request, context: CallContext) -> None:
    """Find the session of the cookie, and who it is now."""
    _, observed = context.identified()
    signed_in = await find_signed_in(request)
    observed.caller = signed_in.caller
    observed.claimed_key = signed_in.caller.access_key_id
    if request.headers.get(BACKGROUND) != "1":
        await note_browser_use(request.app[GATEWAY].service, signed_in.session)


async def admit(request: web.Request, context: CallContext) -> None:
    """Refuse an operation that the server does not offer to people."""
    call, _ = context.identified()
    if (call.service, call.operation) not in FOR_BROWSERS:
        raise unknown_operation(call.operation)


PIPELINE: tuple[Step, ...] = (
    require_page,
    steps.read_body,
    identify_operation,
    begin_record,
    authenticate,
    steps.recognise_connection,
    steps.note_key_use,
    steps.throttle,
    admit,
    steps.begin_span,
    steps.parse_parameters,
    steps.demand_trail,
    steps.perform,
    steps.serialise,
)


async def handle_call(request: web.Request) -> web.Response:
    """Answer one API call of a browser."""
    return await answer(request, PIPELINE)


async def find_signed_in(request: web.Request) -> SignedIn:
    """Return whose browser sent a request, with where it came from; raises `NotSignedIn`.

    A wrong cookie is not counted as a failed attempt: nobody guesses 256 bits, and a browser that was signed out sends
    its cookie again. Its cost is limited by turns, and by the limits on unauthenticated connections.
    """
    token = token_of(request)
    if not token:
        raise NotSignedIn
    async with authentication_turn(request, _CLAIM):
        signed_in = await find_browser_session(request.app[GATEWAY].service, token)
    return replace(signed_in, caller=replace(signed_in.caller, origin=origin_of(request)))


async def recognised(request: web.Request) -> SignedIn:
    """Return whose browser sent a request, and count its connection as theirs.

    Raises `NotSignedIn`, and `ForbiddenOrigin` for a request that a page of another site caused: it could not read the
    response, but it could use up the person's limits.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise ForbiddenOrigin("Another site's page caused this request.")
    signed_in = await find_signed_in(request)
    recognise(request, signed_in.caller.person_id)
    return signed_in
