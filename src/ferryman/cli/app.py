"""The `ferryman` command with all its subcommands, each imported when it runs."""

import os
from importlib import import_module
from typing import Annotated, Any

import typer

from ferryman.cli.command_line import EndsInCommandLine
from ferryman.cli.contexts import CONTEXT_VARIABLE, remember
from ferryman.cli.output.printing import print_lines
from ferryman.cli.program.catalogue import ALIASES, ENTRIES, POINTERS
from ferryman.cli.program.commands import App, Command, Group
from ferryman.cli.program.help_page import first_page, version_line


class Program(Group):
    """The outermost group: its commands are those of the catalogue."""

    aliases = ALIASES
    pointers = POINTERS

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of help."""
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None if there is none of this name or alias."""
        name = self.aliases.get(cmd_name, cmd_name)
        if name in ENTRIES and name not in self.commands:
            self.commands[name] = load(name)
        return self.commands.get(name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the first help page."""
        formatter.write(first_page())


def load(name: str) -> Any:
    """Import the command or group of the catalogue that has this name."""
    entry = ENTRIES[name]
    found = getattr(import_module(f"ferryman.cli.{entry.module}"), entry.attribute)
    if not isinstance(found, typer.Typer):
        single = App()
        single.command(name, cls=EndsInCommandLine if entry.takes_command_line else Command)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = name
    return command


app = App(name="ferryman", cls=Program)


def _show_version(wanted: bool) -> None:
    if wanted:
        print_lines(version_line())
        raise typer.Exit


@app.callback()
def _options(
    typer_context: typer.Context,
    *,
    context: Annotated[
        str | None,
        typer.Option(
            "--context", help="The context to use; see `ferryman context`.", envvar=CONTEXT_VARIABLE, show_default=False
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", envvar="FERRYMAN_DEBUG")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("-V", "--version", help="Show the version and exit.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    if debug:
        os.environ["FERRYMAN_DEBUG"] = "1"
    remember(typer_context, context)
