"""Opens the audit trail's sinks that the configuration asks for: a webhook, a bucket."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ferryman.audit.sinks.sink import Deliver, Pace, Sign, Sink, Undelivered
from ferryman.bootstrap.configuration import LoadedConfiguration, Webhook
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.bootstrap.recordings.storage_settings import ObjectStorage
from ferryman.model.failures import Failure, said_by
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret

if TYPE_CHECKING:
    from ferryman.audit.sinks.s3 import FetchCredentials
    from ferryman.core.service import Service
    from ferryman.transport.http import HttpClient
    from ferryman.transport.trust import Trust

WEBHOOK, S3 = "webhook", "s3"
SECRET_CHARACTERS = 16
"""The shortest secret that a webhook may have."""
WEBHOOK_BYTES = 1024 * 1024
UPLOAD_SECONDS = 60.0


@asynccontextmanager
async def open_sinks(loaded: LoadedConfiguration, service: "Service") -> AsyncIterator[Sequence[Sink]]:
    """Yield the configured sinks, ready to start. They deliver until the context ends; close the trail before that.

    Raises Failure if a secret or a certificate cannot be read, or there are no credentials.
    """
    from ferryman.core.audit.records import trail_event

    audit, sinks = loaded.configuration.audit, list[Sink]()
    directory = loaded.path(audit.directory)

    def add(name: str, deliver: Deliver, pace: Pace) -> None:
        sinks.append(Sink(name, directory, deliver, pace, service.clock, partial(trail_event, service)))

    async with AsyncExitStack() as stack:
        if audit.webhook is not None:
            deliver = await _webhook(loaded, service, audit.webhook, stack)
            add(WEBHOOK, deliver, Pace(audit.webhook.interval_seconds, WEBHOOK_BYTES, audit.webhook.batch_records))
        if audit.s3 is not None:
            deliver = await _object_storage(loaded, service, audit.s3, stack)
            add(S3, deliver, Pace(audit.s3.interval_seconds, audit.s3.object_mib * 1024 * 1024, 1_000_000))
        try:
            yield sinks
        finally:
            await asyncio.gather(*(sink.close() for sink in sinks))


def sink_names(loaded: LoadedConfiguration) -> list[str]:
    """Return the sinks that are configured."""
    audit = loaded.configuration.audit
    return [name for name, sink in ((WEBHOOK, audit.webhook), (S3, audit.s3)) if sink is not None]


def webhook_secret(loaded: LoadedConfiguration, secret_file: str) -> Secret:
    """Read a webhook's secret; raises Failure if it is missing, readable by others, or too short."""
    path = loaded.path(secret_file)
    advice = "Write the secret that the receiver knows to it, and run chmod 600"
    text = read_secret(path, "The webhook's secret", advice).strip()
    try:
        secret = text.decode()
    except UnicodeDecodeError:
        secret = ""
    if len(secret) < SECRET_CHARACTERS:
        raise Failure(
            f"{path} does not contain a secret",
            f"it must have at least {SECRET_CHARACTERS} characters",
            "Create one with `openssl rand -hex 32`",
        )
    return Secret(secret)


async def _webhook(loaded: LoadedConfiguration, service: "Service", webhook: Webhook, stack: AsyncExitStack) -> Deliver:
    from ferryman.audit.sinks.webhook import deliver_to_webhook
    from ferryman.transport.http import CALL_SECONDS

    url = urlsplit(webhook.url)
    client = http_client(loaded, f"{url.scheme}://{url.netloc}", webhook.ca_file, CALL_SECONDS)
    outlet = HttpOutlet(await stack.enter_async_context(client))
    secret = webhook_secret(loaded, webhook.secret_file)
    return deliver_to_webhook(outlet, url.path or "/", url.query, secret, service.clock)


async def _object_storage(
    loaded: LoadedConfiguration, service: "Service", s3: ObjectStorage, stack: AsyncExitStack
) -> Deliver:
    from ferryman.audit.sinks.s3 import Bucket, deliver_to_bucket

    settings = service.settings
    by_path = s3.endpoint_url is not None or "." in s3.bucket  # a certificate's * does not match dots
    host = f"s3.{s3.region}.amazonaws.com" if by_path else f"{s3.bucket}.s3.{s3.region}.amazonaws.com"
    base_path = f"/{s3.bucket}" if by_path else ""
    bucket = Bucket(base_path, s3.prefix, s3.region, settings.account_id, settings.region)
    client = http_client(loaded, s3.endpoint_url or f"https://{host}", s3.ca_file, UPLOAD_SECONDS)
    outlet = HttpOutlet(await stack.enter_async_context(client))
    return deliver_to_bucket(outlet, bucket, await _credentials(s3), service.clock)


def http_client(loaded: LoadedConfiguration, endpoint: str, ca_file: str | None, seconds: float) -> "HttpClient":
    """Return a client for an endpoint; raises Failure if the CA certificates cannot be read."""
    from ferryman.transport.http import HttpClient

    return HttpClient(endpoint, user_agent="Ferryman", trusted=trusted_authorities(loaded, ca_file), seconds=seconds)


def trusted_authorities(loaded: LoadedConfiguration, ca_file: str | None) -> "Trust":
    """Return the system's authorities, and those in a file; raises Failure if it cannot be read."""
    from ferryman.transport.trust import Trust

    path: Path | None = None if ca_file is None else loaded.path(ca_file)
    try:
        return Trust(path)
    except OSError as error:
        raise Failure(
            f"The certificates in {path} cannot be used",
            said_by(error),
            "Set ca_file to a PEM file with the authority's certificate",
        ) from error


class HttpOutlet:
    """Adapts the HTTP client to what sinks expect."""

    def __init__(self, client: "HttpClient") -> None:
        self._client = client

    async def send(
        self, method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], body: bytes, sign: Sign | None
    ) -> int:
        """Send a request; raises Undelivered."""
        from ferryman.transport.errors import Unreachable

        try:
            return (await self._client.send(method, raw_path, raw_query, headers, body, sign)).status
        except Unreachable as error:
            raise Undelivered(str(error)) from error


async def _credentials(s3: ObjectStorage) -> "FetchCredentials":
    """Return a function that fetches credentials as every AWS program finds them, renewed when they expire."""
    found = await asyncio.to_thread(_find_credentials, s3.profile)

    async def fetch() -> Credentials:
        frozen = await asyncio.to_thread(found.get_frozen_credentials)
        return Credentials(frozen.access_key, Secret(frozen.secret_key), Secret(frozen.token) if frozen.token else None)

    return fetch


def _find_credentials(profile: str | None) -> Any:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    advice = "Set audit.s3.profile to a profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    try:
        found = Session(profile=profile).get_credentials()
    except BotoCoreError as error:
        raise Failure("There are no credentials for audit.s3", str(error), advice) from error
    if found is None:
        raise Failure("There are no credentials for audit.s3", "none were found", advice)
    return found
