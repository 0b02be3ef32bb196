"""`ferryman certificate new | renew | fingerprint`: the local authority's certificates."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.discovery import authority_certificate
from ferryman.bootstrap.keys.certificate_files import renew_certificate, write_certificates
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.output.printing import print_lines
from ferryman.cli.program.commands import App
from ferryman.model.failures import Failure

app = App(help="Renew the server's certificate, or create a new authority.")


@app.command("renew")
def renew(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Renew the server's certificate with the same authority. A running server picks it up by itself."""
    renew_certificate(load(config), datetime.now(UTC))
    print_lines("Renewed. A running server picks it up within ten seconds. Clients and nodes need no change.")


@app.command("fingerprint")
def fingerprint(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Print the SHA-256 fingerprint of the server's authority, which people compare when they log in."""
    certificate = authority_certificate(load(config))
    if not certificate:
        raise Failure(
            "The server has no authority of its own",
            "neither server.tls.authority nor login.ca_file is set",
            "Clients verify its certificate by the authorities that they know",
        )
    print_lines(_fingerprint(certificate))


def _fingerprint(certificate: str) -> str:
    from ferryman.transport.trust import certificate_fingerprint, spaced

    return spaced(certificate_fingerprint(certificate))


@app.command("new")
def new(
    *,
    directory: Annotated[Path, typer.Option("--directory", help="A new directory for the four files.")],
    host: Annotated[str, typer.Option("--host", help="Name or address that clients and nodes use.")],
) -> None:
    """Create a new local authority, and a certificate from it, without putting them into use."""
    if directory.exists():
        raise Failure(f"{directory} exists", "its content would be lost", "Choose another --directory")
    write_certificates(directory, host)
    print_lines(f"The SHA-256 fingerprint of its authority is {_fingerprint((directory / 'ca.pem').read_text())}.")
    print_lines(f"Made {directory}. Let clients and nodes trust {directory / 'ca.pem'} before the server uses it.")
