"""Attempts to show who one is: those that fail are counted by where they come from, and too many are not looked at."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from aiohttp import web

from ferryman.core.audit.records import failures_summed, repeated_summed
from ferryman.core.authorization.admission import WrongToken
from ferryman.core.ratelimits.failed_attempts import SUMMARY_SECONDS, Guesses
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.server.background import running_beside, supervised
from ferryman.server.http.app_keys import GATEWAY, GUESSES, NEWCOMERS
from ferryman.signing.errors import SignatureMismatch

_WRONG = frozenset({"UnrecognizedClientException", "InvalidActivation", "InvalidIdentityToken"})
_UNNAMED = "-"
LONGEST_CLAIM = 128
"""Characters of a claim that tell it from others; what is remembered of anybody is bounded."""


@contextmanager
def attempt(request: web.Request, claim: str | None) -> Iterator[None]:
    """Do in here what decides whether somebody is who they claim to be: `claim` names the key, activation or session.

    Raises `TooManyGuesses` at once if too many failed. A `ServiceError` that says that they are not is counted.
    """
    guesses, clock = request.app[GUESSES], request.app[GATEWAY].service.clock
    peer, claimed = request.remote or _UNNAMED, (claim or "")[:LONGEST_CLAIM]
    address = _address(request, peer)
    guesses.check(address, peer, claimed, clock())
    try:
        yield
    except ServiceError as error:
        if error.code in _WRONG or isinstance(error, SignatureMismatch | WrongToken):
            guesses.failed(address, peer, claimed, clock())
        raise
    if claimed:
        guesses.succeeded(peer, claimed)


def _address(request: web.Request, peer: str) -> str:
    """Return what failures of `peer` are counted by; "" where everybody comes from one address, as behind a proxy."""
    try:
        origin = request.app[NEWCOMERS].origin(peer)
    except ValueError:
        return ""
    return "" if origin is None else str(origin)


async def tell(app: web.Application) -> AsyncIterator[None]:
    """Put into the trail what was not looked at or not recorded by itself, once a minute and at the end."""
    service, guesses = app[GATEWAY].service, app[GUESSES]
    async with running_beside(supervised("summaries of failed attempts", lambda: _tell(service, guesses))):
        yield
    _tell_now(app[GATEWAY].service, app[GUESSES], at_once=True)


async def _tell(service: Service, guesses: Guesses) -> None:
    while True:
        await asyncio.sleep(SUMMARY_SECONDS / 4)
        _tell_now(service, guesses)


def _tell_now(service: Service, guesses: Guesses, *, at_once: bool = False) -> None:
    for summary in guesses.summaries(service.clock(), at_once=at_once):
        failures_summed(service, summary)
    for repeated in service.records.summaries(service.clock(), at_once=at_once):
        repeated_summed(service, repeated)
