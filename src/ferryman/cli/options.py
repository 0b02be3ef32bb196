"""The options of every command that calls the server's API."""

from pathlib import Path
from typing import Annotated

import typer

from ferryman.bootstrap.configuration import FILE_NAME, VARIABLE, find_configuration
from ferryman.cli.contexts import use_context

ProfileOption = Annotated[
    str | None,
    typer.Option(
        "--profile",
        help="The profile in the AWS configuration files, instead of a context.",
        show_default=False,
        callback=use_context,
    ),
]
RegionOption = Annotated[str | None, typer.Option("--region", help="The region to sign for.", show_default=False)]
EndpointOption = Annotated[
    str | None, typer.Option("--endpoint-url", help="The server's URL, such as https://HOST:PORT.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


DEFAULT_CONFIG = Path(FILE_NAME)
"""Stands for `find_configuration()` as the default of `ConfigOption`."""


def _found(context: typer.Context, parameter: typer.CallbackParam, value: Path) -> Path:
    """Look for the configuration if neither the option nor the variable names it."""
    source = context.get_parameter_source(parameter.name or "")
    return find_configuration() if source is None or source.name == "DEFAULT" else value


ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        help="The server's configuration file; ./ferryman.toml or /etc/ferryman/ferryman.toml by default.",
        envvar=VARIABLE,
        dir_okay=False,
        show_default=False,
        callback=_found,
    ),
]
