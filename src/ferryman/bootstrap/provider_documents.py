"""Opens a service that can fetch the documents of OpenID Connect providers."""

import ssl
from collections.abc import AsyncIterator, Mapping
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
    from ferryman.core.providers.endpoints import Answer
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

    async def post(url: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> "Answer":
        answer = await documents.post(url, form, basic)
        return Answer(answer.status, answer.body)

    async with documents:
        yield replace(service, fetch=documents.fetch, post_form=post)
