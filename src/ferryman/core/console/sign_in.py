"""Signing in with an access key: it is checked as its signature would be, and its secret is not kept."""

import hmac
from dataclasses import replace

from ferryman.core.identity.callers import authenticate
from ferryman.core.identity.credentials import RefusedCredentials
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import Caller, CallerKind, Origin
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret


async def check_access_key(service: Service, given: Credentials, origin: Origin) -> Caller:
    """Return the caller whose key it is.

    Raises UnrecognizedClientException, for an unknown or disabled key and a wrong secret alike, and
    ExpiredTokenException if the secret is right.
    """
    token = None if given.session_token is None else given.session_token.reveal()
    try:
        known = await authenticate(service, given.access_key_id, token)
    except RefusedCredentials as refused:
        if refused.code != "ExpiredTokenException" or not _same(given.secret_access_key, refused.holder.secret):
            raise _unrecognized() from None
        raise ServiceError(refused.code, "These credentials have expired. Get new ones.", status=403) from None
    except ServiceError as error:
        if error.code != "UnrecognizedClientException":
            raise
        raise _unrecognized() from None
    if not _same(given.secret_access_key, known.secret) or known.caller.kind is CallerKind.NODE:
        raise _unrecognized()
    return replace(known.caller, origin=origin)


def _same(given: Secret, known: Secret) -> bool:
    return hmac.compare_digest(given.reveal().encode(errors="replace"), known.reveal().encode())


def _unrecognized() -> ServiceError:
    message = "The access key id or the secret access key is not valid."
    return ServiceError("UnrecognizedClientException", message, status=403)
