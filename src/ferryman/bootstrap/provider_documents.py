"""Opens a service that can fetch what OpenID Connect providers publish."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.service import Service


@asynccontextmanager
async def open_provider_documents(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator["Service"]:
    """Yield a service that fetches providers' documents; raises Failure if the authorities' file cannot be used."""
    from ferryman.transport.fetch import Documents

    ca_file = loaded.configuration.oidc.ca_file
    path = None if ca_file is None else loaded.path(ca_file)
    try:
        documents = Documents(user_agent="ferryman-server", ca_file=path)
    except (OSError, ssl.SSLError) as error:
        raise Failure(
            f"The certificate authorities in {path} cannot be used",
            str(error),
            "Set oidc.ca_file to a PEM file of certificates",
        ) from error
    async with documents:
        yield replace(service, fetch=documents.fetch)
