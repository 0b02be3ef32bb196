"""The audit records of calls: what is observed of a call while it is answered, and its record at the end."""

import re

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall
from ferryman.core.audit.records import ObservedCall, record_answered, record_refused
from ferryman.core.ratelimits.failed_attempts import TooManyFailedAttempts
from ferryman.model.errors import ServiceError
from ferryman.server.http.admission.authentication import RefusedSigner
from ferryman.server.http.app_keys import GATEWAY
from ferryman.server.http.call_context import CONTEXT
from ferryman.signing.canonical import SignableRequest

_CREDENTIAL = re.compile(r"(?:(?<=[ ,])Credential|(?:(?<=&)|^)X-Amz-Credential)=([A-Za-z0-9-]{1,128})(?:/|%2F)")
_UPGRADES = {"CreateControlChannel": "OpenControlChannel", "CreateDataChannel": "OpenDataChannel"}


def observed_call(request: web.Request, call: ApiCall, signed: SignableRequest) -> ObservedCall:
    """Return what is known of a call before anything is verified."""
    return _observed(request, call.service, call.operation, request.headers.get("Authorization") or signed.raw_query)


async def record_success(request: web.Request) -> None:
    """Record a call that was carried out; raises as `record_answered`."""
    observed = request[CONTEXT].observed
    if observed is not None:
        await record_answered(request.app[GATEWAY].service, observed)


def record_refusal(request: web.Request, error: ServiceError) -> None:
    """Record a call, or an upgrade, that was refused. A request that names no operation is not recorded.

    Attempts that are refused unseen, because too many from their address failed, are counted in a summary instead.
    """
    call, observed = request[CONTEXT].call, request[CONTEXT].observed
    if call is None or isinstance(error, TooManyFailedAttempts):
        return
    if observed is None:
        operation = _UPGRADES.get(call.operation, call.operation)
        observed = _observed(request, call.service, operation, _authorization_of_upgrade(request))
    if isinstance(error, RefusedSigner):
        observed.caller, observed.presigned = error.signer.caller, error.signer.presigned
    record_refused(request.app[GATEWAY].service, observed, error)


def claimed_key(request: web.Request) -> str | None:
    """Return the access key id that the signature of an upgrade names; None if there is none."""
    return access_key_id(_authorization_of_upgrade(request))


def access_key_id(authorization: str) -> str | None:
    """Return the access key id in an Authorization header or a presigned query; None if there is none."""
    found = _CREDENTIAL.search(authorization)
    return found[1] if found else None


def _authorization_of_upgrade(request: web.Request) -> str:
    return request.headers.get("Authorization", request.query_string)


def _observed(request: web.Request, service: str, operation: str, authorization: str) -> ObservedCall:
    return ObservedCall(
        service,
        operation,
        request[CONTEXT].request_id,
        request.remote,
        request.headers.get("User-Agent", ""),
        access_key_id(authorization),
    )
