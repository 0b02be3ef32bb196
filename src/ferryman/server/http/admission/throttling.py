"""Callers who call or connect too often wait for their turn, and are refused if it does not come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import TypeAlias

from aiohttp import web

from ferryman.core.ratelimits.throttle import LARGE_BODY, REFUSED_PAUSE
from ferryman.core.ratelimits.turns import NoPlace, Turns
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import CallerKind
from ferryman.policy.work import EvaluationTooLarge
from ferryman.server.http.app_keys import AGENTS_TURNS, AUTHENTICATION_TURNS, GATEWAY, THROTTLE
from ferryman.server.http.call_context import CONTEXT, CallContext
from ferryman.server.listener.connection import Connection
from ferryman.server.listener.unauthenticated import site_of

Party: TypeAlias = tuple[str, str, str]
"""A site, an address there, and a key that is claimed from it."""

REFUSAL_SECONDS = 0.25
"""How long a call over the limit waits for its refusal: callers who ignore the limit then cost little. SDKs wait longer
by themselves."""
REFUSED_AGENT_SECONDS = 10.0
"""How long an agent for whom there is no place waits for its refusal. Meanwhile the load balancer counts its request,
and sends others elsewhere: a server that refuses immediately has the fewest connections, and would get all agents."""
LARGEST_WAITING_BYTES = 4096
"""The largest request that waits for its refusal, head and body, since what waits is not counted as memory of requests.
What agents send is a quarter of it."""
UPGRADE_SECONDS = 5.0
"""How long a channel's upgrade waits for its turn: all sessions of a node come back together after a restart."""
AUTHENTICATIONS = 4
"""Signatures that are being verified at a time. It takes about a millisecond of the event loop and a trip to the store,
and hundreds begun together would delay everybody's keystrokes."""
AGENTS_AUTHENTICATIONS = 2
"""The same for what agents do to connect their node. Thousands of them come back together after a restart; people and
the sessions of nodes do not wait behind them."""
AGENTS_OPERATIONS = frozenset({"UpdateInstanceInformation", "CreateControlChannel", "RequestManagedInstanceRoleToken"})
"""The operations with which agents connect their node, the upgrade of a control channel included."""
MOST_WAITING, MOST_WAITING_OF_ONE_KEY = 4096, 512
"""How many requests may wait to be verified, of all keys and of one; further ones get SlowDown."""
KEYS_OF_ONE_SITE = 16
"""How many keys of one site have a turn before the next site has its own. So many of a site's requests are safe from
newcomers when all places are taken. A stranger can claim any number of keys, and use every address of an IPv6 /48."""
MOST_BEFORE_CALLING, MOST_BEFORE_INFORMING = 3072, 2048
"""How many requests of agents may wait before further calls, and further UpdateInstanceInformation, get SlowDown. An
agent that connects calls UpdateInstanceInformation first and upgrades last. If those that are half done were refused as
often, they would begin again, and a crowd would keep the server busy with hardly anyone connecting."""
DENIALS = frozenset({"AccessDeniedException", "AccessDenied", "ValidationException", "ValidationError", "InvalidInput"})
"""Errors that need no permission to cause."""


def whose_limits(caller_id: str, *, presigned: bool) -> str:
    """Return what a caller's request counts as. A presigned one, which others can repeat, uses up nothing of theirs."""
    return f"presigned {caller_id}" if presigned else caller_id


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
            now = asyncio.get_running_loop().time()
            delay = throttle.refusal_delay(caller_id, now) if now >= until else 0.0
            if not await pause(request, delay) or asyncio.get_running_loop().time() >= until:
                raise
        else:
            return


async def pause(request: web.Request, seconds: float = 0.0, *, evictable: bool = False) -> bool:
    """Let a peer wait before it is refused, at least REFUSAL_SECONDS; False, and immediately, if it leaves.

    `evictable`: its connection may be closed meanwhile if the server has too many.
    """
    seconds = max(REFUSAL_SECONDS, seconds)
    if isinstance(request.protocol, Connection):
        return await request.protocol.pause(seconds, evictable=evictable)
    await asyncio.sleep(seconds)
    return True


@asynccontextmanager
async def authentication_turn(request: web.Request, claimed_key: str | None) -> AsyncIterator[None]:
    """Verify a signature inside this context. Keys, as claimed from an address, take turns; agents that connect their
    nodes among themselves.

    Raises SlowDown (503) if too many requests wait, and ConnectionError if the peer has left meanwhile.
    """
    call = request[CONTEXT].call
    most = None if call is None else most_waiting(call.operation, upgrade=request.method == "GET")
    connects_node = most is not None
    turns = request.app[AGENTS_TURNS if connects_node else AUTHENTICATION_TURNS]
    try:
        async with turns.turn(party_of(request.remote or "", claimed_key or ""), most):
            if request.transport is None:
                raise ConnectionResetError("the peer has left")
            yield
    except NoPlace as error:
        if connects_node and _is_small(request):
            await pause(request, REFUSED_AGENT_SECONDS, evictable=True)
        message = "Too many requests are waiting. Make fewer calls at a time."
        raise ServiceError("SlowDown", message, status=503) from error


def _is_small(request: web.Request) -> bool:
    body = request.content_length if request.body_exists else 0
    head = len(request.raw_path) + sum(len(name) + len(value) for name, value in request.raw_headers)
    return body is not None and head + body <= LARGEST_WAITING_BYTES


def most_waiting(operation: str, *, upgrade: bool) -> int | None:
    """Return how many requests of agents may wait before one of this operation, or the upgrade of its channel, is
    refused; None if agents do not connect their nodes with it."""
    if operation not in AGENTS_OPERATIONS:
        return None
    if upgrade:
        return MOST_WAITING
    return MOST_BEFORE_INFORMING if operation == "UpdateInstanceInformation" else MOST_BEFORE_CALLING


def party_of(address: str, claimed_key: str) -> Party:
    """Return who takes turns: a key, as claimed from an address, at a site."""
    return site_of(address), address, claimed_key


def authentication_turns() -> Turns[Party]:
    """Return the turns of a server, which `party_of` names."""
    return _turns(AUTHENTICATIONS)


def agents_turns() -> Turns[Party]:
    """Return the turns of agents that connect their nodes."""
    return _turns(AGENTS_AUTHENTICATIONS)


def _turns(places: int) -> Turns[Party]:
    return Turns(places, MOST_WAITING, MOST_WAITING_OF_ONE_KEY, itemgetter(0), KEYS_OF_ONE_SITE)


def pause_after(request: web.Request, context: CallContext, error: ServiceError) -> None:
    """Pause a caller whose failed call was expensive: much policy work, a large body, or one too many that was denied
    or not valid.

    Applies to calls signed with SigV4 that were admitted and not carried out.
    """
    observed = context.observed
    if not context.admitted or context.node is not None or observed is None or observed.caller is None:
        return
    if observed.result is not None:
        return
    throttle = request.app[THROTTLE]
    caller_id = whose_limits(observed.caller.person_id, presigned=observed.presigned)
    now = request.app[GATEWAY].service.clock()
    if isinstance(error, EvaluationTooLarge):
        throttle.pause(caller_id, now)
    elif len(context.signed.body) >= LARGE_BODY:
        throttle.pause(caller_id, now, REFUSED_PAUSE)
    elif error.code in DENIALS or observed.parameters is None:  # it was refused before its parameters were valid
        throttle.denied(caller_id, now)
