"""The spans of API calls, and of a session's opening. Names and attributes follow OpenTelemetry's conventions."""

import asyncio
from typing import Final

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall
from ferryman.core.ports.tracing import Span, SpanKind
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.sessions import Session, SessionStatus
from ferryman.server.channels import frames
from ferryman.server.channels.sockets.websocket import Socket
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.call_context import CallContext
from ferryman.wire.agent_message import PayloadType

OPENING_SECONDS: Final = 60.0
"""A session without output for this long, such as a forward without a connection, counts as open."""
_FIRST_DATA = frozenset({PayloadType.OUTPUT, PayloadType.STD_ERR, PayloadType.EXIT_CODE})


def span_of_call(request: web.Request, context: CallContext, call: ApiCall) -> Span:
    """Return the span of a call that was just admitted; it began when the request did."""
    attributes = {
        "rpc.system.name": "aws-api",
        "rpc.method": f"{call.service}/{call.operation}",
        "aws.request_id": context.request_id,
    }
    seconds = asyncio.get_running_loop().time() - context.began_at
    tracing = request.app[GATEWAY].service.tracing
    span = tracing.call(
        f"{call.service}.{call.operation}",
        context.request_id,
        attributes,
        seconds=seconds,
        parent=request.headers.get("traceparent"),
    )
    span.note("admitted")
    return span


def end_span(context: CallContext, error: BaseException | None = None) -> None:
    """End a call's span, if it has one. It holds only the code or type of an error."""
    span = context.span
    if not span.is_recorded:
        return
    if isinstance(error, ServiceError):
        span.set("http.response.status_code", error.status)
        span.fail(error.code)
    elif error is not None:
        span.fail(type(error).__name__)
    elif context.response is not None:
        span.set("http.response.status_code", context.response.status)
    span.__exit__(None, None, None)


def span_of_opening(service: Service, session: Session, socket: Socket) -> Span:
    """Return the span of a session's opening, from StartSession until its client is sent the first output.

    It is the parent of the spans that send the session's task to its node. Not recorded for a session that was open
    before.
    """
    if session.trace_parent is None or session.status is not SessionStatus.CONNECTING:
        return service.tracing.continued(None, "")
    span = service.tracing.continued(
        session.trace_parent, "open session", attributes=_attributes(session), began_at=session.started_at
    )
    if not span.is_recorded:
        return span
    span.note("client attached")
    timer = asyncio.get_running_loop().call_later(OPENING_SECONDS, span.end)

    def sent(frame: bytes) -> None:
        kind = frames.output_type(frame)
        if kind == PayloadType.HANDSHAKE_REQUEST:
            span.note("handshake requested")
        elif kind == PayloadType.HANDSHAKE_COMPLETE:
            span.note("handshake complete")
        elif kind in _FIRST_DATA:
            span.note("first data")
            span.end()
        if not span.is_recorded:
            timer.cancel()
            socket.on_sent = None

    socket.on_sent = sent
    return span


def span_of_agent(service: Service, session: Session) -> Span:
    """Return the span, in the trace of a session's opening, in which its agent is attached."""
    parent = session.trace_parent if session.status is SessionStatus.CONNECTING else None
    return service.tracing.continued(parent, "attach agent", SpanKind.INTERNAL, _attributes(session))


def _attributes(session: Session) -> dict[str, str | int]:
    return {"ferryman.session.id": session.session_id, "ferryman.node.id": session.target}
