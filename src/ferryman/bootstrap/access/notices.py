"""Opens the notices about access requests that the configuration asks for."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from ferryman.bootstrap.access.settings import AccessEmail, AccessWebhook
from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret

if TYPE_CHECKING:
    from ferryman.audit.notices import Deliver
    from ferryman.core.ports.audit import Entry
    from ferryman.core.ports.runtime import Clock
    from ferryman.core.service import Service

_log = structlog.get_logger("ferryman.access")


@asynccontextmanager
async def open_notices(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator["Service"]:
    """Yield the service with its notices, which are delivered until the context ends.

    Raises Failure if a secret, a password or a certificate cannot be read.
    """
    from ferryman.audit.notices import QueuedNotices, SeveralNotices
    from ferryman.server.background import running_beside, supervised

    access = loaded.configuration.access
    async with AsyncExitStack() as stack:
        queues = {}
        if access.webhook is not None:
            queues["access notices"] = QueuedNotices(await _webhook(loaded, access.webhook, service.clock, stack))
        if access.email is not None:
            queues["access e-mail"] = QueuedNotices(_email(loaded, access.email, service.clock))
        for name, queue in queues.items():
            await stack.enter_async_context(running_beside(supervised(name, queue.run)))
        yield replace(service, notices=SeveralNotices(list(queues.values()))) if queues else service


async def _webhook(
    loaded: LoadedConfiguration, webhook: AccessWebhook, clock: "Clock", stack: AsyncExitStack
) -> "Deliver":
    from ferryman.audit.notice_texts import TEMPLATES
    from ferryman.audit.notices import to_webhook
    from ferryman.bootstrap.audit.sinks import HttpOutlet, http_client, webhook_secret
    from ferryman.transport.http import CALL_SECONDS

    url = urlsplit(webhook.url)
    secret = None if webhook.secret_file is None else webhook_secret(loaded, webhook.secret_file)
    client = http_client(loaded, f"{url.scheme}://{url.netloc}", webhook.ca_file, CALL_SECONDS)
    outlet = HttpOutlet(await stack.enter_async_context(client))
    return to_webhook(outlet, url.path or "/", url.query, secret, clock, compose=TEMPLATES[webhook.template])


def _email(loaded: LoadedConfiguration, email: AccessEmail, clock: "Clock") -> "Deliver":
    from ferryman.audit.notice_texts import as_mail
    from ferryman.audit.notices import Undeliverable
    from ferryman.audit.sinks.sink import Undelivered
    from ferryman.bootstrap.audit.sinks import trusted_authorities
    from ferryman.transport.errors import Unreachable
    from ferryman.transport.mail_server import MailRefused, MailServer

    own_name = urlsplit(loaded.configuration.server.public_url).hostname or "localhost"
    trusted = trusted_authorities(loaded, email.ca_file)
    server = MailServer(email.host, email.port, email.encryption, trusted, own_name, _login(loaded, email))

    async def deliver(entry: "Entry") -> None:
        now = datetime.fromtimestamp(clock() / 1000, UTC)
        try:
            refused = await server.send(as_mail(entry, email.sender, email.recipients, now))
        except Unreachable as error:
            raise Undelivered(str(error)) from error
        except MailRefused as error:
            raise Undeliverable(str(error)) from error
        if refused:
            _log.warning("notice not accepted for some", id=entry["id"], recipients=refused)

    return deliver


def _login(loaded: LoadedConfiguration, email: AccessEmail) -> tuple[str, Secret] | None:
    if email.username is None or email.password_file is None:
        return None
    path = loaded.path(email.password_file)
    content = read_secret(path, "The mail server's password", "Write the password to it, and run chmod 600")
    try:
        password = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        password = ""
    if not password or "\n" in password:
        raise Failure(f"{path} does not contain a password", "it must be one line of text", "Write the password to it")
    return email.username, Secret(password)
