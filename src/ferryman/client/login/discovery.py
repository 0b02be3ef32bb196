"""Asks a server at `/.well-known/ferryman` how to log in, and whether its certificate can be trusted.

If the certificate is issued by an authority that this machine does not know, the server says which one. Anyone between
can say that, so the authority is trusted only if its fingerprint is confirmed: by a person, or by whoever told the
fingerprint. After that the document is fetched again, this time verified, and only that one is used.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ferryman.model.errors import Unfetchable
from ferryman.model.failures import Failure
from ferryman.transport.errors import NothingAnswered, UntrustedCertificate
from ferryman.transport.fetch import Documents
from ferryman.transport.trust import certificate_fingerprint, one_certificate, spaced
from ferryman.wire.discovery import PATH, InvalidDescription, ServerDescription, decode_description

USER_AGENT = "ferryman-login"

Confirm = Callable[[str, str], bool]
"""Gets the server's URL and the authority's fingerprint as OpenSSL prints it; returns whether it is the right one."""


@dataclass(frozen=True, slots=True)
class Discovered:
    """A server's description of itself over a verified connection. `ca_certificate` is the PEM of the authority to
    trust, "" if this machine trusts the certificate already."""

    url: str
    description: ServerDescription
    ca_certificate: str


async def discover(url: str, ca_file: Path | None, confirm: Confirm) -> Discovered:
    """Fetch the description of the server at `url`. Raises Failure.

    `ca_file` holds an authority to trust. `confirm` is asked about the authority that the server names, if its
    certificate is not trusted otherwise.
    """
    known = ca_file or _bundle()
    try:
        description = await _fetch(url, known)
    except UntrustedCertificate as error:
        if ca_file is not None:
            raise _untrusted(url, str(error), "Check --ca-file") from error
        named = await _authority_named(url, str(error))
        if not confirm(url, spaced(certificate_fingerprint(named))):
            raise Failure(
                f"The authority of {url} is not trusted",
                "its fingerprint was not confirmed",
                "Ask your administrator for the right fingerprint",
            ) from None
        return await _with_authority(url, named)
    return Discovered(url, description, "" if ca_file is None else _read_certificate(ca_file))


async def _with_authority(url: str, certificate: str) -> Discovered:
    """Fetch the description again, verified by the confirmed authority."""
    with tempfile.NamedTemporaryFile("w", prefix="ferryman-", suffix=".pem") as file:
        file.write(certificate)
        file.flush()
        try:
            description = await _fetch(url, Path(file.name))
        except UntrustedCertificate as error:
            raise _untrusted(
                url, f"the authority it names did not issue its certificate, or not for this name: {error}", ""
            ) from error
    if description.ca_certificate and one_certificate(description.ca_certificate) != certificate:
        raise _untrusted(url, "it named another authority when it was asked again", "")
    return Discovered(url, description, certificate)


async def _authority_named(url: str, refused: str) -> str:
    """Return the PEM that the server names as its authority, over a connection that is not verified."""
    description = await _fetch(url, None, verify=False)
    try:
        named = one_certificate(description.ca_certificate)
        if certificate_fingerprint(named) == description.ca_sha256:
            return named
    except ValueError:
        pass
    raise _untrusted(url, refused, "Pass the authority's certificate with --ca-file")


async def _fetch(url: str, ca_file: Path | None, *, verify: bool = True) -> ServerDescription:
    try:
        async with Documents(user_agent=USER_AGENT, ca_file=ca_file, verify=verify) as documents:
            return decode_description(await documents.fetch(url + PATH))
    except UntrustedCertificate:
        raise
    except InvalidDescription as error:
        raise Failure(
            f"{url} does not say how to log in", f"its answer is not a description: {error}", _BY_HAND
        ) from error
    except NothingAnswered as error:
        advice = "Check the address and its port: servers listen on 7330 unless told otherwise"
        raise Failure("The server was not reached", str(error), advice) from error
    except Unfetchable as error:
        raise Failure(f"{url} does not say how to log in", str(error), _BY_HAND) from error
    except OSError as error:
        raise Failure(
            f"The certificates in {ca_file} cannot be used", error.strerror or str(error), "Name a PEM file"
        ) from error


def _read_certificate(path: Path) -> str:
    try:
        return one_certificate(path.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise Failure(f"{path} cannot be used", str(error), "Name a PEM file with one certificate") from error


def _untrusted(url: str, cause: str, next_step: str) -> Failure:
    return Failure(f"The certificate of {url} is not trusted", cause, next_step)


def _bundle() -> Path | None:
    named = os.environ.get("AWS_CA_BUNDLE")
    return None if not named else Path(named)


_BY_HAND = (
    "Check the address; for a server without discovery, pass --issuer, --client-id, --role-arn and --endpoint-url"
)
