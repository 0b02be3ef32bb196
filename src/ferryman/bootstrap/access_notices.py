"""Opens the notices about access requests that the configuration asks for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ferryman.bootstrap.configuration import LoadedConfiguration

if TYPE_CHECKING:
    from ferryman.core.service import Service


@asynccontextmanager
async def open_notices(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator["Service"]:
    """Yield the service with its notices, which are posted until the context ends.

    Raises Failure if the secret or a certificate cannot be read.
    """
    from ferryman.audit.notice_texts import TEMPLATES
    from ferryman.audit.notices import WebhookNotices
    from ferryman.bootstrap.sinks import HttpOutlet, http_client, webhook_secret
    from ferryman.server.background import running_beside, supervised
    from ferryman.transport.http import CALL_SECONDS

    webhook = loaded.configuration.access.webhook
    if webhook is None:
        yield service
        return
    url = urlsplit(webhook.url)
    secret = None if webhook.secret_file is None else webhook_secret(loaded, webhook.secret_file)
    async with http_client(loaded, f"{url.scheme}://{url.netloc}", webhook.ca_file, CALL_SECONDS) as client:
        notices = WebhookNotices(
            HttpOutlet(client),
            url.path or "/",
            url.query,
            secret,
            service.clock,
            compose=TEMPLATES[webhook.template],
        )
        async with running_beside(supervised("access notices", notices.run)):
            yield replace(service, notices=notices)
