"""A caller's turn: who calls or connects too often waits, and is refused if it does not get better."""

import asyncio

from aiohttp import web

from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import CallerKind
from ferryman.server.http.app_keys import GATEWAY, THROTTLE

REFUSAL_SECONDS = 0.25
"""Until a call too many is refused: whoever does not heed the limit costs little. SDKs wait longer by themselves."""
UPGRADE_SECONDS = 5.0
"""How long a channel's upgrade waits for its turn: all sessions of a node come back at once after a restart."""


async def take_turn(
    request: web.Request, caller_id: str, operation: str, kind: CallerKind, patience: float = 0.0
) -> None:
    """Count a call of an operation, once there is room for it; raises ThrottlingException after `patience` seconds."""
    throttle, clock = request.app[THROTTLE], request.app[GATEWAY].service.clock
    until = asyncio.get_running_loop().time() + patience
    while True:
        try:
            throttle.take(caller_id, operation, clock(), node=kind is CallerKind.NODE)
        except ServiceError:
            await asyncio.sleep(REFUSAL_SECONDS)
            if asyncio.get_running_loop().time() >= until:
                raise
        else:
            return
