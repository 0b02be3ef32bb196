"""The steps of `http.pipeline`. Each adds to the call's context what it learns, or raises what the caller gets."""

import asyncio
from dataclasses import replace

from aiohttp import web

from ferryman.awsapi.dispatch import ApiProtocol, Response, identify, parse, unknown_operation
from ferryman.awsapi.dispatch import serialise as serialised
from ferryman.core.audit import records
from ferryman.core.identity.node_credentials import node_caller
from ferryman.core.listings import listing_for
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import CallerKind
from ferryman.server.http.admission.authentication import authenticate_caller, authenticate_node, origin_of, signable
from ferryman.server.http.admission.failed_attempts import counted_attempt
from ferryman.server.http.admission.throttling import authentication_turn, await_turn, pause, whose_limits
from ferryman.server.http.app_keys import GATEWAY, KEY_USES
from ferryman.server.http.call_context import CallContext
from ferryman.server.http.call_records import observed_call
from ferryman.server.http.request_body import whole_body
from ferryman.server.http.spans import span_of_call
from ferryman.server.listener.connection import recognise
from ferryman.server.operations.context import OperationContext
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY, Authentication, authentication_of

UNSIGNED_BODY = 32 * 1024
"""Bytes of a call without a signature; a registration has a public key, and an identity token is smaller."""

KNOWN = frozenset({*BY_CALLER, *BY_NODE_KEY})


async def read_body(request: web.Request, context: CallContext) -> None:
    """Read the whole body, which the signature covers; nobody is known before it is here."""
    context.signed = signable(request, await whole_body(request))


async def identify_operation(request: web.Request, context: CallContext) -> None:
    """Find out which operation is called; from here on, errors are written in its protocol."""
    signed = context.signed
    context.call = identify(request.method, request.raw_path, signed.headers, signed.body)


async def begin_record(request: web.Request, context: CallContext) -> None:
    """Begin what the audit trail will say about the call, whether it succeeds or not."""
    assert context.call is not None  # noqa: S101 the order of the pipeline
    context.observed = observed_call(request, context.call, context.signed)


async def authenticate(request: web.Request, context: CallContext) -> None:
    """Verify the signature, by the kind that the operation needs; failures are counted by address."""
    call, observed = context.identified()
    service = request.app[GATEWAY].service
    kind = authentication_of((call.service, call.operation))
    if kind is Authentication.NONE:
        return
    async with authentication_turn(request, observed.claimed_key):
        with counted_attempt(request, observed.claimed_key) as attempt:
            if kind is Authentication.NODE_KEY:
                context.node = await authenticate_node(service, context.signed, call)
                attempt.holder = context.node.node_id
                observed.caller = node_caller(service, context.node.node_id)
            else:
                signer = await authenticate_caller(service, context.signed, call)
                attempt.holder = signer.holder
                observed.caller = replace(signer.caller, origin=origin_of(request))
                observed.presigned = signer.presigned


async def recognise_connection(request: web.Request, context: CallContext) -> None:
    """Count the connection as the caller's from now on; too many busy ones are refused.

    Whoever read a presigned URL can send it, so its sender remains unknown.
    """
    _, observed = context.identified()
    caller = observed.caller
    if caller is not None and not observed.presigned:
        recognise(request, caller.node_id or caller.person_id, node=caller.kind is CallerKind.NODE)


async def note_key_use(request: web.Request, context: CallContext) -> None:
    """Note that the access key was used."""
    call, observed = context.identified()
    if observed.caller is not None:
        request.app[KEY_USES].note(observed.caller, call.service)


async def throttle(request: web.Request, context: CallContext) -> None:
    """Refuse a caller who calls this operation too often."""
    call, observed = context.identified()
    if observed.caller is not None:
        operation = call.operation if (call.service, call.operation) in KNOWN else ""  # all others share one limit
        counted_as = whose_limits(observed.caller.person_id, presigned=observed.presigned)
        await await_turn(request, counted_as, operation, observed.caller.kind)
    context.admitted = True


async def admit(request: web.Request, context: CallContext) -> None:
    """Refuse an operation that the server does not have; only authenticated callers learn which it has."""
    call, _ = context.identified()
    key = (call.service, call.operation)
    if authentication_of(key) is Authentication.SIGV4 and key not in BY_CALLER:
        raise unknown_operation(call.operation)


async def begin_span(request: web.Request, context: CallContext) -> None:
    """Trace the call from here on: strangers, and who is throttled, cause no spans."""
    call, observed = context.identified()
    if observed.caller is not None and not observed.presigned:
        context.span = span_of_call(request, context, call).__enter__()


async def parse_parameters(request: web.Request, context: CallContext) -> None:
    """Parse the parameters and validate them by the service's model."""
    call, observed = context.identified()
    if authentication_of((call.service, call.operation)) is Authentication.NONE:
        if len(context.signed.body) > UNSIGNED_BODY:
            message = f"The body of an unsigned call may have {UNSIGNED_BODY} bytes."
            raise ServiceError("RequestEntityTooLargeException", message, status=413)
        try:
            observed.parameters = parse(call, context.signed.body)
        except ServiceError:
            await pause(request)  # nobody is throttled for it
            raise
        return
    observed.parameters = parse(call, context.signed.body)


async def demand_trail(request: web.Request, context: CallContext) -> None:
    """Refuse a call that must be recorded while the audit trail cannot be written."""
    call, observed = context.identified()
    records.demand_trail(request.app[GATEWAY].service, call.operation, observed.caller)


async def perform(request: web.Request, context: CallContext) -> None:
    """Carry out the operation. Whether the caller may is for the use case to decide."""
    call, observed = context.identified()
    key, parameters = (call.service, call.operation), observed.parameters or {}
    gateway = request.app[GATEWAY]
    operation_context = OperationContext(gateway.service, gateway, origin_of(request))
    match authentication_of(key):
        case Authentication.NONE:
            claim = parameters.get("ActivationId") or parameters.get("InvitationId")
            with counted_attempt(request, claim) as attempt:
                observed.result = await BY_ANYONE[key](operation_context, parameters)
                attempt.holder = str(claim or "")
        case Authentication.NODE_KEY:
            assert context.node is not None  # noqa: S101 `authenticate` set it
            observed.result = await BY_NODE_KEY[key](operation_context, context.node, parameters)
        case Authentication.SIGV4:
            assert observed.caller is not None  # noqa: S101 `authenticate` set it
            with listing_for(observed.caller.person_id):
                observed.result = await BY_CALLER[key](operation_context, observed.caller, parameters)


async def serialise(request: web.Request, context: CallContext) -> None:
    """Write the result in the call's protocol."""
    call, observed = context.identified()
    result = observed.result or {}
    if call.protocol is ApiProtocol.EC2:
        # A page of a thousand instances is most of a megabyte of XML and takes 100 ms.
        response = await asyncio.to_thread(serialised, call, result, context.request_id)
    else:
        response = serialised(call, result, context.request_id)
    context.response = web_response(response)


def web_response(response: Response) -> web.Response:
    """Return aiohttp's form of a response."""
    return web.Response(status=response.status, headers=dict(response.headers), body=response.body)
