"""Failed authentication, counted by address. Where too many attempts fail, further ones are refused unseen."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from aiohttp import web

from ferryman.core.audit.records import failures_summed, repeated_summed
from ferryman.core.authorization.admission import WrongToken
from ferryman.core.ratelimits.failed_attempts import SUMMARY_SECONDS, FailedAttempts
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.server.background import running_beside, supervised
from ferryman.server.http.app_keys import FAILED_ATTEMPTS, GATEWAY, UNAUTHENTICATED_LIMITS
from ferryman.signing.errors import SignatureMismatch

_WRONG = frozenset(
    {"UnrecognizedClientException", "InvalidActivation", "InvalidIdentityToken", "InvalidInvitation", "InvalidLink"}
)
_UNNAMED = "-"
LONGEST_CLAIM = 128
"""Characters of a claim that are remembered."""


@dataclass(slots=True)
class Attempt:
    """An attempt to authenticate. `holder` is who the claim turned out to belong to, such as a person's id."""

    holder: str = ""


@contextmanager
def counted_attempt(request: web.Request, claim: str | None) -> Iterator[Attempt]:
    """Authenticate inside this context, and say who it was: if that fails, the failure is counted.

    `claim` is the access key, activation or session that the peer claims. Raises `TooManyFailedAttempts` on entry if
    too many attempts failed before. Counts a `ServiceError` that means a wrong key, signature, code or token, and
    raises it.
    """
    attempts, clock = request.app[FAILED_ATTEMPTS], request.app[GATEWAY].service.clock
    peer, claimed = request.remote or _UNNAMED, (claim or "")[:LONGEST_CLAIM]
    address = _counted_address(request, peer)
    attempts.check(address, peer, claimed, clock())
    attempt = Attempt()
    try:
        yield attempt
    except ServiceError as error:
        if error.code in _WRONG or isinstance(error, SignatureMismatch | WrongToken):
            attempts.failed(address, peer, claimed, clock())
        raise
    if claimed and attempt.holder:
        attempts.succeeded(peer, claimed, attempt.holder)


def _counted_address(request: web.Request, peer: str) -> str:
    """Return what failures of `peer` are counted by; "" if its address is not counted, as behind a proxy."""
    try:
        origin = request.app[UNAUTHENTICATED_LIMITS].origin(peer)
    except ValueError:
        return ""
    return "" if origin is None else str(origin)


async def record_failure_summaries(app: web.Application) -> AsyncIterator[None]:
    """Record what was counted instead of recorded one by one: about once a minute, and when the server stops."""
    service, attempts = app[GATEWAY].service, app[FAILED_ATTEMPTS]
    async with running_beside(supervised("summaries of failed attempts", lambda: _record_due(service, attempts))):
        yield
    _record_summaries(service, attempts, at_once=True)


async def _record_due(service: Service, attempts: FailedAttempts) -> None:
    while True:
        await asyncio.sleep(SUMMARY_SECONDS / 4)
        _record_summaries(service, attempts)


def _record_summaries(service: Service, attempts: FailedAttempts, *, at_once: bool = False) -> None:
    for summary in attempts.summaries(service.clock(), at_once=at_once):
        failures_summed(service, summary)
    for repeated in service.records.summaries(service.clock(), at_once=at_once):
        repeated_summed(service, repeated)
