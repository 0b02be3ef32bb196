"""The AWS API calls: read, identify, authenticate, parse, do, serialise. Errors are answered in `server.middleware`."""

import asyncio
from dataclasses import replace

from aiohttp import web

from ferryman.awsapi.dispatch import ApiProtocol, Response, identify, parse, serialise, unknown_operation
from ferryman.core.audit.records import demand_trail
from ferryman.core.identity.node_credentials import node_caller
from ferryman.core.ratelimits.throttle import LARGE_BODY, REFUSED_PAUSE
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import CallerKind
from ferryman.policy.work import EvaluationTooLarge
from ferryman.server.http.app_keys import CALL, GATEWAY, KEY_USES, REQUEST_ID, THROTTLE
from ferryman.server.http.authentication import authenticate_caller, authenticate_node, origin_of, signable
from ferryman.server.http.call_records import observe
from ferryman.server.http.failed_attempts import attempt
from ferryman.server.http.throttling import take_turn
from ferryman.server.listener.connection import Connection, recognise
from ferryman.server.operations.context import OperationContext
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY

DENIALS = frozenset({"AccessDeniedException", "AccessDenied"})


async def handle(request: web.Request) -> web.Response:
    """Answer one API call."""
    gateway = request.app[GATEWAY]
    body = await _body(request, gateway.timing.body)
    to_verify = signable(request, body)
    call = request[CALL] = identify(request.method, request.raw_path, to_verify.headers, body)
    observed = observe(request, call, to_verify)
    here = OperationContext(gateway.service, gateway, origin_of(request))
    key = (call.service, call.operation)
    if key in BY_ANYONE:
        given = observed.parameters = parse(call, body)
        demand_trail(gateway.service, call.operation)
        with attempt(request, given.get("ActivationId")):
            result = await BY_ANYONE[key](here, given)
    elif key in BY_NODE_KEY:
        with attempt(request, observed.claimed_key):
            node = await authenticate_node(gateway.service, to_verify, call)
        recognise(request, node.node_id, node=True)
        observed.caller = node_caller(gateway.service, node.node_id)
        await take_turn(request, node.node_id, call.operation, CallerKind.NODE)
        given = observed.parameters = parse(call, body)
        demand_trail(gateway.service, call.operation, observed.caller)
        result = await BY_NODE_KEY[key](here, node, given)
    else:
        with attempt(request, observed.claimed_key):
            caller = replace(await authenticate_caller(gateway.service, to_verify, call), origin=here.origin)
        observed.caller = caller
        recognise(request, caller.node_id or caller.person_id, node=caller.kind is CallerKind.NODE)
        request.app[KEY_USES].note(caller, call.service)
        await take_turn(request, caller.person_id, call.operation, caller.kind)
        if key not in BY_CALLER:
            raise unknown_operation(call.operation)
        try:
            given = observed.parameters = parse(call, body)
            demand_trail(gateway.service, call.operation, caller)
            result = await BY_CALLER[key](here, caller, given)
        except EvaluationTooLarge:
            request.app[THROTTLE].pause(caller.person_id, gateway.service.clock())
            raise
        except ServiceError as error:
            if len(body) >= LARGE_BODY:
                request.app[THROTTLE].pause(caller.person_id, gateway.service.clock(), REFUSED_PAUSE)
            elif error.code in DENIALS:
                request.app[THROTTLE].denied(caller.person_id, gateway.service.clock())
            raise
    observed.result = result
    if call.protocol is ApiProtocol.EC2:
        # A page of a thousand instances is most of a megabyte of XML and takes 100 ms.
        return web_response(await asyncio.to_thread(serialise, call, result, request[REQUEST_ID]))
    return web_response(serialise(call, result, request[REQUEST_ID]))


async def _body(request: web.Request, seconds: float) -> bytes:
    """Return the whole body.

    413 if it is too large for the application, 408 if it is too slow, 503 if too much is held of others' requests.
    """
    connection = request.protocol if isinstance(request.protocol, Connection) else None
    try:
        async with asyncio.timeout(seconds) as patience:
            if connection is not None:
                connection.reading(patience)
            body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        limit = request.app[GATEWAY].service.settings.limits.body_bytes
        message = f"The request's body is larger than {limit} bytes."
        raise ServiceError("RequestEntityTooLargeException", message, status=413) from error
    except TimeoutError as error:
        if connection is not None and connection.refused:
            raise _too_much_held() from error
        message = f"The request's body did not arrive within {seconds:g} seconds."
        raise ServiceError("RequestTimeoutException", message, status=408) from error
    if connection is not None and not connection.working():
        raise _too_much_held()
    return body


def _too_much_held() -> ServiceError:
    return ServiceError("SlowDown", "The server holds too many unfinished requests; retry.", status=503)


def web_response(response: Response) -> web.Response:
    """Return aiohttp's form of an answer."""
    return web.Response(status=response.status, headers=dict(response.headers), body=response.body)
