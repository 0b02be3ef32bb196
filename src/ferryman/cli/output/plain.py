"""Runs commands that are written for Typer without it, for installations of the agent only.

Typer needs 27 MB with what it depends on; a node needs none of that. Commands are declared once: a module imports
`typer` and `App` from here and uses them as usual. Without the package, these classes stand in for it and read the same
declarations with argparse. They support the features that the agent's commands use, and refuse all others when the
module is imported.
"""

import argparse
import getpass
import inspect
import os
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin

from ferryman.cli.extras import has_all_commands
from ferryman.cli.output.printing import print_error, print_page
from ferryman.cli.program.catalogue import EXAMPLES
from ferryman.cli.program.help_page import HELP_ROW, Section, page

EXIT_USAGE = 2
HELP_OPTIONS = {"-h", "--help"}
_Function = TypeVar("_Function", bound=Callable[..., None])


@dataclass(frozen=True, init=False)
class Option:
    """As `typer.Option`."""

    names: tuple[str, ...]
    help: str
    envvar: str | None
    prompt: str | None
    hide_input: bool
    exists: bool
    file_okay: bool
    dir_okay: bool
    callback: "Callable[[Context, CallbackParam, Any], Any] | None"

    def __init__(
        self,
        *names: str,
        help: str,  # noqa: A002 - Typer's name
        envvar: str | None = None,
        prompt: str | None = None,
        hide_input: bool = False,
        show_default: bool = True,
        exists: bool = False,
        file_okay: bool = True,
        dir_okay: bool = True,
        callback: "Callable[[Context, CallbackParam, Any], Any] | None" = None,
    ) -> None:
        facts = {
            "names": names,
            "help": help,
            "envvar": envvar,
            "prompt": prompt,
            "hide_input": hide_input,
            "exists": exists,
            "file_okay": file_okay,
            "dir_okay": dir_okay,
            "callback": callback,
        }
        for name, value in facts.items():
            object.__setattr__(self, name, value)


class Source(Enum):
    """Where a value is from, as `click.core.ParameterSource`."""

    COMMANDLINE = 1
    ENVIRONMENT = 2
    DEFAULT = 3
    PROMPT = 4


@dataclass(frozen=True, slots=True)
class CallbackParam:
    """As `typer.CallbackParam`."""

    name: str


@dataclass(frozen=True, slots=True)
class Context:
    """As `typer.Context`, for an option's callback."""

    source: Source

    def get_parameter_source(self, name: str) -> Source:
        """Return where the value of the callback's own option is from."""
        return self.source


class Exit(SystemExit):
    """As `typer.Exit`."""


class PlainApp:
    """As `cli.program.commands.App`, for a group of commands of `ferryman`."""

    def __init__(self, *, help: str) -> None:  # noqa: A002 - Typer's name
        self._help = help
        self._commands: dict[str, Callable[..., None]] = {}

    def command(self, name: str) -> Callable[[_Function], _Function]:
        """Return a decorator that adds a command."""

        def declare(function: _Function) -> _Function:
            self._commands[name] = function
            return function

        return declare

    def __call__(self, group: str, *arguments: str) -> None:
        """Run the command of the group that the arguments name."""
        path = f"ferryman {group}"
        commands = {name: _Command(f"{path} {name}", each) for name, each in self._commands.items()}
        if not arguments or arguments[0] in HELP_OPTIONS:
            rows = [(name, each.summary) for name, each in commands.items()]
            sections = [Section("Commands:", rows), Section("Options:", [HELP_ROW])]
            print_page(page(f"{path} [OPTIONS] COMMAND [ARGUMENTS]...", self._help, sections, EXAMPLES.get(group, ())))
            return
        if arguments[0] not in commands:
            _refuse(path, f"There is no command {arguments[0]}")
        commands[arguments[0]](list(arguments[1:]))


class _Command:
    """One command: its options, and the call with their values."""

    def __init__(self, path: str, function: Callable[..., None]) -> None:
        self._path = path
        self._function = function
        self._text = inspect.getdoc(function) or ""
        self._options: dict[str, tuple[Option, inspect.Parameter, Any]] = {}
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
            if get_origin(parameter.annotation) is not Annotated:
                raise NotImplementedError(f"{name}: only options are supported")
            kind, option = get_args(parameter.annotation)
            self._options[name] = option, parameter, kind

    @property
    def summary(self) -> str:
        """The first sentence of its help."""
        return " ".join(self._text.split("\n\n")[0].split()).partition(". ")[0].rstrip(".")

    def __call__(self, arguments: list[str]) -> None:
        if any(each in HELP_OPTIONS for each in arguments):
            self._show_help()
            return
        given = vars(self._parser().parse_args(arguments))
        self._function(**{name: self._value(name, given) for name in self._options})

    def _parser(self) -> argparse.ArgumentParser:
        parser = _Parser(self._path)
        for name, (option, _, kind) in self._options.items():
            if kind is bool:
                parser.add_argument(*option.names, dest=name, action="store_true", default=argparse.SUPPRESS)
                continue
            value, repeated = _value_type(kind)
            choices = get_args(value) if get_origin(value) is Literal else None
            parser.add_argument(
                *option.names,
                dest=name,
                default=argparse.SUPPRESS,
                type=str if choices else value,
                choices=choices,
                action="append" if repeated else "store",
            )
        return parser

    def _show_help(self) -> None:
        rows = []
        for name, (option, parameter, kind) in self._options.items():
            value, _ = _value_type(kind)
            word = "|".join(get_args(value)) if get_origin(value) is Literal else name.rpartition("_")[2].upper()
            notes = [f"env: {option.envvar}"] if option.envvar else []
            if parameter.default is inspect.Parameter.empty and not option.prompt:
                notes.append("required")
            meaning = f"{option.help} [{'; '.join(notes)}]" if notes else option.help
            rows.append((", ".join(option.names) if kind is bool else f"{option.names[0]} {word}", meaning))
        examples = EXAMPLES.get(self._path.partition(" ")[2], ())
        print_page(page(f"{self._path} [OPTIONS]", self._text, [Section("Options:", [*rows, HELP_ROW])], examples))

    def _value(self, name: str, given: dict[str, Any]) -> Any:
        option = self._options[name][0]
        value, source = self._look_up(name, given)
        if isinstance(value, Path):
            self._check(option, value)
        return value if option.callback is None else option.callback(Context(source), CallbackParam(name), value)

    def _look_up(self, name: str, given: dict[str, Any]) -> tuple[Any, Source]:
        option, parameter, kind = self._options[name]
        if name in given:
            return given[name], Source.COMMANDLINE
        if option.envvar and os.environ.get(option.envvar):
            return _value_type(kind)[0](os.environ[option.envvar]), Source.ENVIRONMENT
        if option.prompt:
            return (getpass.getpass if option.hide_input else input)(f"{option.prompt}: "), Source.PROMPT
        if parameter.default is inspect.Parameter.empty:
            _refuse(self._path, f"Missing option {option.names[0]}")
        return parameter.default, Source.DEFAULT

    def _check(self, option: Option, path: Path) -> None:
        if option.exists and not path.exists():
            _refuse(self._path, f"Invalid value for {option.names[0]}: {path} does not exist")
        if not option.file_okay and path.is_file():
            _refuse(self._path, f"Invalid value for {option.names[0]}: {path} is a file")
        if not option.dir_okay and path.is_dir():
            _refuse(self._path, f"Invalid value for {option.names[0]}: {path} is a directory")


class _Parser(argparse.ArgumentParser):
    """Complains as the other commands do."""

    def __init__(self, path: str) -> None:
        super().__init__(prog=path, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Exit after a line."""
        _refuse(self.prog, message[:1].upper() + message[1:])


def _refuse(path: str, said: str) -> NoReturn:
    print_error(f"ferryman: {said}. See `{path} --help`.")
    raise SystemExit(EXIT_USAGE)


def _value_type(kind: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there may be several."""
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is list:
        return get_args(kind)[0], True
    return kind, False


if TYPE_CHECKING or has_all_commands():
    import typer

    from ferryman.cli.program.commands import App
else:
    typer = sys.modules[__name__]
    App = PlainApp

__all__ = ["App", "typer"]
