"""`ferryman certificate new | renew`: the local authority's certificates."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ferryman.bootstrap.certificate_files import renew_certificate, write_certificates
from ferryman.bootstrap.configuration import load
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption
from ferryman.cli.printing import say
from ferryman.cli.program.commands import App
from ferryman.model.failures import Failure

app = App(help="Renew the server's certificate, or create a new authority.")


@app.command("renew")
def renew(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Renew the server's certificate with the same authority. A running server picks it up by itself."""
    renew_certificate(load(config), datetime.now(UTC))
    say("Renewed. A running server picks it up within ten seconds. Clients and nodes need no change.")


@app.command("new")
def new(
    *,
    directory: Annotated[Path, typer.Option("--directory", help="A new directory for the four files.")],
    host: Annotated[str, typer.Option("--host", help="Name or address that clients and nodes use.")],
) -> None:
    """Make another local authority and a certificate of it, for nobody to use yet."""
    if directory.exists():
        raise Failure(f"{directory} exists", "what is in it would be lost", "Choose another --directory")
    write_certificates(directory, host)
    say(f"Made {directory}. Let clients and nodes trust {directory / 'ca.pem'} before the server uses it.")
