"""The options of every command that calls the server's API."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman.bootstrap.configuration import FILE_NAME

ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="The profile in the AWS configuration files.", show_default=False)
]
RegionOption = Annotated[str | None, typer.Option("--region", help="The region to sign for.", show_default=False)]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint-url", help="The server's URL, such as https://HOST:PORT.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


ConfigOption = Annotated[
    Path, typer.Option("--config", help="The server's configuration file.", envvar="FERRYMAN_CONFIG", dir_okay=False)
]


DEFAULT_CONFIG = Path(FILE_NAME)
