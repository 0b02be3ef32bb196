"""`[traces]`: where spans are sent, and which."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback


class Traces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """OpenTelemetry traces, sent by OTLP over HTTP; none without `url`."""

    url: str | None = None
    sample_ratio: Annotated[float, Meta(ge=0, le=1)] = 1.0
    trust_traceparent: bool = False
    headers_file: str | None = None
    ca_file: str | None = None


def check_traces(traces: Traces, path: Path) -> None:
    """Raise Failure if `[traces]` is contradictory, or would send credentials in the clear."""
    if traces.url is None:
        if traces != Traces():
            raise Failure(f"{path}: [traces] is incomplete", "it has no url", "Set traces.url, or remove the others")
        return
    try:
        url = urlsplit(traces.url)
        host, _port = url.hostname, url.port
    except ValueError:
        host = None
    if not host or url.username or url.query or url.fragment or not _is_protected(url.scheme, host):
        raise Failure(
            f"{path}: traces.url cannot be used",  # not shown: it may hold a password
            "it must be an HTTPS URL without a password; plain HTTP is for this machine only",
            "Write https://HOST[:PORT], without /v1/traces, or http://127.0.0.1:4318 for a collector on this machine",
        )


def _is_protected(scheme: str, host: str) -> bool:
    return scheme == "https" or (scheme == "http" and is_loopback(host))
