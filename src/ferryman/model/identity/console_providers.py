"""OpenID Connect providers that people sign in to the console with."""

from dataclasses import dataclass

from ferryman.model.values.secret import Secret

DEFAULT_SCOPES = "openid email profile"


@dataclass(frozen=True, slots=True)
class ConsoleProvider:
    """A provider as the console uses it. `issuer` must be registered as an OpenID Connect provider of the account.

    `role_arns` are what people may sign in as, in the order in which they are tried. `session_claim` names the session,
    "" for the usual claims. Without a `client_secret` the console is a public client.
    """

    provider_id: str
    name: str
    issuer: str
    client_id: str
    role_arns: tuple[str, ...]
    client_secret: Secret | None = None
    scopes: str = DEFAULT_SCOPES
    session_claim: str = ""
