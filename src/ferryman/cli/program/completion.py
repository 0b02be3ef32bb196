"""Completion for shells: commands, options, choices and names of nodes.

The shell's script runs `ferryman __complete WORD...` for every press of the Tab key. It must be quick, and print
nothing but suggestions: whatever goes wrong, there are none.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ferryman.cli.program.catalogue import ENTRIES

if TYPE_CHECKING:
    from ferryman.cli.program.commands import Group

Suggestion = tuple[str, str]
"""A word and its description."""
NODE_SECONDS = 2.0
"""The longest that a press of the Tab key waits for the server."""
_NODES = {"node", "nodes", "target", "targets"}
_PATHS = {"source", "destination"}
_SEPARATOR = "--"


def complete(words: Sequence[str]) -> list[Suggestion]:
    """Return the suggestions for the last of `words`, which follow `ferryman` on the command line."""
    *before, unfinished = words or [""]
    if not before and not unfinished.startswith("-"):
        found: Iterable[Suggestion] = ((name, entry.summary) for name, entry in ENTRIES.items())
    elif _SEPARATOR in before:
        found = ()
    else:
        found = _below_program(before, unfinished)
    return [(word, meaning) for word, meaning in dict(found).items() if word.lower().startswith(unfinished.lower())]


def _below_program(before: Sequence[str], unfinished: str) -> Iterable[Suggestion]:
    import typer

    from ferryman.cli.app import app

    command: Any = typer.main.get_command(app)
    positional, option = 0, None
    for word in before:
        if option is not None:
            option = None
        elif word.startswith("-"):
            option = _taking_a_value(command, word)
        elif hasattr(command, "subcommands") and (below := _below(command, word)) is not None:
            command, positional = below, 0
        else:
            positional += 1
    return _candidates(command, option, positional, unfinished, before)


def _below(group: "Group", name: str) -> Any:
    context: Any = None
    return group.get_command(context, name)


def _taking_a_value(command: Any, word: str) -> Any:
    """Return the option that `word` names if its value is the next word."""
    for each in command.params:
        if word in each.opts and each.param_type_name == "option" and not each.is_flag:
            return each
    return None


def _candidates(
    command: Any, option: Any, positional: int, unfinished: str, before: Sequence[str]
) -> Iterator[Suggestion]:
    if option is not None:
        yield from _values(option, before)
    elif unfinished.startswith("-"):
        for each in command.params:
            if each.param_type_name == "option" and not each.hidden:
                yield max(each.opts, key=len), _first_sentence(each.help)
        yield "--help", "Show this message and exit"
    elif hasattr(command, "subcommands") and not positional:
        yield from _commands(command)
    else:
        arguments = [each for each in command.params if each.param_type_name == "argument"]
        if arguments:
            # The last argument may take any number of words.
            yield from _values(arguments[min(positional, len(arguments) - 1)], before)


def _commands(group: "Group") -> Iterator[Suggestion]:
    if group.name == "ferryman":
        for name, entry in ENTRIES.items():
            yield name, entry.summary
    else:
        for name, each in group.subcommands().items():
            yield name, _first_sentence(each.help)


def _values(parameter: Any, before: Sequence[str]) -> Iterator[Suggestion]:
    for choice in parameter.type_descriptor.choices or ():
        yield str(getattr(choice, "value", choice)), ""
    if parameter.name in _NODES:
        yield from _nodes(before)
    elif parameter.name in _PATHS:
        for name, meaning in _nodes(before):
            yield f"{name}:", meaning


def _nodes(before: Sequence[str]) -> list[Suggestion]:
    """Return the nodes' names, if the server or the cache answers in time."""
    from ferryman.cli.program.node_names import known_nodes

    found: list[Suggestion] = []

    def look() -> None:
        found.extend(known_nodes(before))

    # A daemon, so that a server that does not answer keeps nobody waiting.
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    looking.join(NODE_SECONDS)
    return found


def _first_sentence(text: str | None) -> str:
    return " ".join((text or "").split()).partition(". ")[0].rstrip(".")
