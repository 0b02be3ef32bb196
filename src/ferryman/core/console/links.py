"""CreateConsoleLink: a link that signs one browser in as its creator, once, within a minute.

An operation of Ferryman's own, for people who are at a command line already. The browser's session continues the
credentials that signed the call: it may do no more than they, and ends with them.
"""

from dataclasses import dataclass

from ferryman.core.authorization.decisions import require
from ferryman.core.console.browser_sessions import (
    TOKEN_LENGTH,
    NotSignedIn,
    continued_caller,
    new_token,
    sealed_credentials,
    token_hash,
)
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.browser_sessions import BrowserLink
from ferryman.model.identity.callers import Caller
from ferryman.model.values.secret import Secret

LINK_SECONDS = 60
LINKS_A_PERSON = 5
"""Links that one person has at a time; a new one voids the one that expires first."""
LINK_PATH = "/api/sign-in/link"
"""Below the console's path. The token follows the `#`, which browsers do not send: it is in nobody's log, and a program
that looks at the link, such as a chat's preview, cannot use it up."""


@dataclass(frozen=True, slots=True)
class ConsoleLink:
    """A new link, which is shown only now."""

    url: Secret
    expires_at: Millis


async def create_console_link(service: Service, caller: Caller) -> ConsoleLink:
    """CreateConsoleLink, for the caller's own user or role.

    Raises AccessDeniedException, ConsoleDisabled.
    """
    require(service, caller, "ferryman:CreateConsoleLink", caller.role_arn or caller.arn)
    settings = service.settings.console
    if not settings.enabled:
        raise ServiceError("ConsoleDisabled", "This server has no web console: console.enabled is false.")
    token = new_token(service)
    hashed = token_hash(token.reveal())
    sealed = sealed_credentials(service, caller.access_key_id, caller.session, hashed)
    link = BrowserLink(hashed, caller.person_id, sealed, Millis(service.clock() + LINK_SECONDS * 1000))
    await service.store.browser_sessions.add_link(link, LINKS_A_PERSON)
    origin = settings.public_url or service.settings.public_url
    return ConsoleLink(Secret(f"{origin}{settings.path}{LINK_PATH}#{token.reveal()}"), link.expires_at)


async def use_console_link(service: Service, token: str) -> Caller:
    """Return who a link is for, and void it. Raises InvalidLink (unknown, used, expired, or its credentials are)."""
    if len(token) != TOKEN_LENGTH:
        raise _invalid()
    link = await service.store.browser_sessions.use_link(token_hash(token), service.clock())
    if link is None:
        raise _invalid()
    try:
        return await continued_caller(service, link.sealed, link.token_hash)
    except NotSignedIn as error:
        raise _invalid() from error


def _invalid() -> ServiceError:
    message = (
        f"The link is not valid: it works once, within {LINK_SECONDS} seconds. Get a new one with `ferryman console`."
    )
    return ServiceError("InvalidLink", message, status=403)
