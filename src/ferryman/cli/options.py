"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ferryman.bootstrap.configuration_file import FILE_NAME, VARIABLE, find_configuration
from ferryman.cli.contexts import use_context
from ferryman.cli.output.tables import Output

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
OutputOption = Annotated[
    Literal["table", "wide", "json", "csv"],
    typer.Option("-o", "--output", help="How to print the list: --wide and --json are short for two of these."),
]
WideOption = Annotated[bool, typer.Option("--wide", help="Show every column, however wide the terminal is.")]
UtcOption = Annotated[bool, typer.Option("--utc", help="Show times in UTC, not in this machine's time zone.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Print ids only, one a line.")]


def chosen_output(output: Output, *, wide: bool, json: bool, quiet: bool) -> Output:
    """Return the form that these options ask for. Raises BadParameter if they ask for several."""
    asked: dict[Output, bool] = {"wide": wide, "json": json, "ids": quiet}
    chosen = {each for each, is_asked in asked.items() if is_asked} | ({output} - {"table"})
    if len(chosen) > 1:
        raise typer.BadParameter("choose one of --output, --wide, --json and --quiet")
    return chosen.pop() if chosen else "table"


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
