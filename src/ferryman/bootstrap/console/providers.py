"""The OpenID Connect providers of the console, with their secrets."""

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.console.settings import ConsoleProvider as ProviderSettings
from ferryman.bootstrap.discovery import role_arn
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.model.failures import Failure
from ferryman.model.identity.console_providers import DEFAULT_SCOPES, ConsoleProvider
from ferryman.model.values.secret import Secret


def read_providers(loaded: LoadedConfiguration) -> tuple[ConsoleProvider, ...]:
    """Return the providers. Raises Failure if a secret cannot be read, or if others can read it."""
    return tuple(_provider(loaded, *each) for each in loaded.configuration.console.providers.items())


def _provider(loaded: LoadedConfiguration, provider_id: str, settings: ProviderSettings) -> ConsoleProvider:
    return ConsoleProvider(
        provider_id=provider_id,
        name=settings.name,
        issuer=settings.issuer,
        client_id=settings.client_id,
        role_arns=tuple(role_arn(loaded, role) for role in settings.roles),
        client_secret=None if settings.client_secret_file is None else _secret(loaded, settings.client_secret_file),
        scopes=settings.scopes or DEFAULT_SCOPES,
        session_claim=settings.session_claim or "",
    )


def _secret(loaded: LoadedConfiguration, name: str) -> Secret:
    path = loaded.path(name)
    content = read_secret(path, "The client secret", "Get it from the provider again, and write it to that file")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text:
        raise Failure(f"The client secret {path} is empty or not text", "the provider asks for it", "Write it there")
    return Secret(text)
