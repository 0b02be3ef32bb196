"""From requests to the record of calls: what is known of a call while it is answered, and its record at the end."""

import re

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall
from ferryman.core.audit.records import ObservedCall, record_answered, record_refused
from ferryman.core.ratelimits.failed_attempts import TooManyGuesses
from ferryman.model.errors import ServiceError
from ferryman.server.http.app_keys import CALL, GATEWAY, OBSERVED, REQUEST_ID
from ferryman.signing.canonical import SignableRequest

_CREDENTIAL = re.compile(r"Credential=([A-Za-z0-9-]{1,128})(?:/|%2F)")
_UPGRADES = {"CreateControlChannel": "OpenControlChannel", "CreateDataChannel": "OpenDataChannel"}


def observe(request: web.Request, call: ApiCall, signed: SignableRequest) -> ObservedCall:
    """Begin to observe a call; `api.handle` adds what it learns of it."""
    observed = request[OBSERVED] = ObservedCall(
        call.service,
        call.operation,
        request[REQUEST_ID],
        request.remote,
        request.headers.get("User-Agent", ""),
        _claimed_key(request.headers.get("Authorization") or signed.raw_query),
    )
    return observed


async def answered(request: web.Request) -> None:
    """Record a call that was carried out; raises as `record_answered`."""
    observed = request.get(OBSERVED)
    if observed is not None:
        await record_answered(request.app[GATEWAY].service, observed)


def refused(request: web.Request, error: ServiceError) -> None:
    """Record a call, or an upgrade, that was refused; a request that means no operation is none.

    What was refused without a look is told in a summary.
    """
    call, observed = request.get(CALL), request.get(OBSERVED)
    if call is None or isinstance(error, TooManyGuesses):
        return
    if observed is None:
        operation = _UPGRADES.get(call.operation, call.operation)
        key = claimed_key(request)
        agent = request.headers.get("User-Agent", "")
        observed = ObservedCall(call.service, operation, request[REQUEST_ID], request.remote, agent, key)
    record_refused(request.app[GATEWAY].service, observed, error)


def claimed_key(request: web.Request) -> str | None:
    """Return the access key id that the signature of an upgrade names; None if there is none."""
    return _claimed_key(request.headers.get("Authorization", request.query_string))


def _claimed_key(authorization: str) -> str | None:
    found = _CREDENTIAL.search(authorization)
    return found[1] if found else None
