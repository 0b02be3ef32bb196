"""Callers who call or connect too often wait for their turn, and are refused if it does not come."""

import asyncio

from aiohttp import web

from ferryman.core.ratelimits.throttle import LARGE_BODY, REFUSED_PAUSE
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import CallerKind
from ferryman.policy.work import EvaluationTooLarge
from ferryman.server.http.app_keys import GATEWAY, THROTTLE
from ferryman.server.http.call_context import CallContext
from ferryman.server.listener.connection import Connection

REFUSAL_SECONDS = 0.25
"""How long a call over the limit waits for its refusal: callers who ignore the limit then cost little. SDKs wait longer
by themselves."""
UPGRADE_SECONDS = 5.0
"""How long a channel's upgrade waits for its turn: all sessions of a node come back together after a restart."""
DENIALS = frozenset({"AccessDeniedException", "AccessDenied"})


async def await_turn(
    request: web.Request, caller_id: str, operation: str, kind: CallerKind, patience: float = 0.0
) -> None:
    """Count a call of an operation once there is room for it; raises ThrottlingException after `patience` seconds."""
    throttle, clock = request.app[THROTTLE], request.app[GATEWAY].service.clock
    until = asyncio.get_running_loop().time() + patience
    while True:
        try:
            throttle.acquire(caller_id, operation, clock(), node=kind is CallerKind.NODE)
        except ServiceError:
            if isinstance(request.protocol, Connection):
                request.protocol.wait_for_turn()
            await asyncio.sleep(REFUSAL_SECONDS)
            if asyncio.get_running_loop().time() >= until or request.transport is None:
                raise
        else:
            return


def pause_after(request: web.Request, context: CallContext, error: ServiceError) -> None:
    """Pause a caller whose failed call was expensive: much policy work, a large body, or one denial too many.

    Applies to calls signed with SigV4 that were admitted and not carried out.
    """
    observed = context.observed
    if not context.admitted or context.node is not None or observed is None or observed.caller is None:
        return
    if observed.result is not None:
        return
    throttle, caller_id = request.app[THROTTLE], observed.caller.person_id
    now = request.app[GATEWAY].service.clock()
    if isinstance(error, EvaluationTooLarge):
        throttle.pause(caller_id, now)
    elif len(context.signed.body) >= LARGE_BODY:
        throttle.pause(caller_id, now, REFUSED_PAUSE)
    elif error.code in DENIALS:
        throttle.denied(caller_id, now)
