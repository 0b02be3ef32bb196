"""Commands and groups of commands: Typer's, with our own help pages, errors and aliases."""

import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.exceptions import TyperException

from ferryman.cli.output.printing import print_error, print_page
from ferryman.cli.program.catalogue import EXAMPLES
from ferryman.cli.program.help_page import HELP_ROW, Section, page
from ferryman.cli.program.plain_values import read_plainly

_Function = TypeVar("_Function", bound=Callable[..., Any])
HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
EXIT_USAGE = 2


class Command(TyperCommand):
    """A command with a help page of ours."""

    takes_command_line = False

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        read_plainly(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        return _read_plainly(super().get_help_option(ctx))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        formatter.write(_page(self, ctx, []))

    def main(self, *arguments: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command; exits with its status, and with 2 after wrong usage."""
        return _run(super().main, *arguments, standalone_mode=standalone_mode, **extra)


class Group(TyperGroup):
    """A group of commands. `aliases` are further names of its commands, which help does not list."""

    aliases: Mapping[str, str] = {}
    pointers: Mapping[str, str] = {}

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        read_plainly(self.params)

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option `--help`."""
        return _read_plainly(super().get_help_option(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command with this name or alias; None if there is none."""
        return super().get_command(ctx, self.aliases.get(cmd_name, cmd_name))

    def subcommands(self) -> dict[str, Any]:
        """Return its commands by name, in the order of help; all are imported."""
        context: Any = None
        return {name: self.get_command(context, name) for name in self.list_commands(context)}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-") and not ctx.resilient_parsing:
            close = difflib.get_close_matches(name, [*self.list_commands(ctx), *self.aliases], n=3)
            hint = self.pointers.get(name) or (f"Did you mean {' or '.join(close)}?" if close else "")
            ctx.fail(f"There is no command {name}. {hint}".rstrip())
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help page."""
        rows = [(name, _first_sentence(each.help or "")) for name, each in self.subcommands().items()]
        formatter.write(_page(self, ctx, [Section("Commands:", rows)]))

    def main(self, *arguments: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command that the arguments name; exits with its status, and with 2 after wrong usage."""
        return _run(super().main, *arguments, standalone_mode=standalone_mode, **extra)


class App(typer.Typer):
    """A group under construction: `@app.command("list")` adds a function to it."""

    def __init__(self, **settings: Any) -> None:
        defaults: dict[str, Any] = {
            "cls": Group,
            "no_args_is_help": True,
            "add_completion": False,
            "rich_markup_mode": None,
            "context_settings": HELP_OPTIONS,
            "pretty_exceptions_enable": False,
        }
        super().__init__(**defaults | settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[_Function], _Function]:
        """Return a decorator that adds a command; `settings` as of `typer.Typer.command`."""
        defaults: dict[str, Any] = {"cls": Command, "context_settings": HELP_OPTIONS}
        return super().command(name, **defaults | settings)


def _read_plainly(option: Any) -> Any:
    read_plainly([] if option is None else [option])
    return option


def _run(main: Callable[..., Any], *arguments: Any, standalone_mode: bool, **extra: Any) -> Any:
    """Run a Typer command's `main`, and report wrong arguments on one line."""
    if not standalone_mode:
        return main(*arguments, standalone_mode=False, **extra)
    try:
        status = main(*arguments, standalone_mode=False, **extra)
    except typer.Abort:
        print_error("ferryman: Stopped.")
        sys.exit(1)
    except TyperException as wrong:
        _refuse(wrong)
    sys.exit(status if isinstance(status, int) else 0)


def _refuse(wrong: Any) -> NoReturn:
    context: Any = getattr(wrong, "ctx", None)
    if type(wrong).__name__ == "NoArgsIsHelpError":
        print_page(context.get_help())
        sys.exit(0)
    said = " ".join(wrong.format_message().split()).rstrip(".")
    path = context.command_path if context is not None else "ferryman"
    end = "" if said.endswith("?") else "."
    print_error(f"ferryman: {said}{end} See `{path} --help`.")
    sys.exit(EXIT_USAGE)


def _page(command: Any, context: Any, sections: Sequence[Section]) -> str:
    path = context.command_path
    own = [each for each in command.get_params(context) if not getattr(each, "hidden", False)]
    arguments = [(_argument(each), each.help or "") for each in own if each.param_type_name == "argument"]
    usage = " ".join([path, "[OPTIONS]", *_usage(command, own)])
    examples = EXAMPLES.get(path.partition(" ")[2], ())
    shown = [Section("Arguments:", arguments), *sections, *_options(own)]
    return page(usage, command.help or "", shown, examples)


def _options(parameters: Sequence[Any]) -> list[Section]:
    """Return the sections of options: those that have no panel first."""
    panels: dict[str, list[tuple[str, str]]] = {"Options": []}
    for each in parameters:
        if each.param_type_name == "option" and each.name != "help":
            panels.setdefault(each.rich_help_panel or "Options", []).append((_names(each), _meaning(each)))
    panels["Options"].append(HELP_ROW)
    return [Section(f"{title}:", rows) for title, rows in panels.items()]


def _usage(command: Any, parameters: Sequence[Any]) -> list[str]:
    if isinstance(command, TyperGroup):
        return ["[COMMAND]" if command.invoke_without_command else "COMMAND", "[ARGUMENTS]..."]
    words = []
    for each in parameters:
        if each.param_type_name == "argument":
            word = _argument(each) + ("" if each.nargs == 1 else "...")
            words.append(word if each.required else f"[{word}]")
    return [*words, *(["[-- COMMAND...]"] if command.takes_command_line else [])]


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).removesuffix("...")


def _names(option: Any) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    if option.is_flag or option.count:
        return names
    return f"{names} {option.metavar or _value(option)}"


def _value(option: Any) -> str:
    """A word for the option's value: its choices, or the last word of its name."""
    choices = option.type_descriptor.choices
    if choices:
        return "|".join(map(str, choices))
    if option.type_descriptor.annotation in (int, float):
        return "N"
    return str(option.name).rpartition("_")[2].upper()


def _meaning(option: Any) -> str:
    notes = []
    if option.envvar:
        notes.append(f"env: {option.envvar}")
    if option.show_default and not option.is_flag and option.default not in (None, "", (), []):
        notes.append(f"default: {option.default}")
    if option.required:
        notes.append("required")
    return f"{option.help or ''} [{'; '.join(notes)}]".strip() if notes else option.help or ""


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")
