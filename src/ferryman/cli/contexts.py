"""Which context a command uses, and why: the option, the variable, AWS's variables, or the current context."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import typer

from ferryman.client.login.aws_config import config_file
from ferryman.client.login.contexts import (
    FILES,
    Context,
    contexts_file,
    preferred_variable,
    read_contexts,
    set_variables,
)
from ferryman.model.failures import Failure
from ferryman.system.staged_files import StagedFiles

CONTEXT_VARIABLE = "FERRYMAN_CONTEXT"


@dataclass(slots=True)
class NamedContext:
    """The context that the command line's first options name, None for none, and whether an option named it. `replaced`
    are the environment's variables from before `use_context` changed them, for the context that is `used`.
    """

    name: str | None
    by_option: bool
    replaced: dict[str, str | None] = field(default_factory=dict)
    used: "ChosenContext | None" = None


@dataclass(frozen=True, slots=True)
class ChosenContext:
    """The context that is used, None for AWS's own rules; its name, "" likewise; and the reason for the choice, for
    people."""

    name: str
    context: Context | None
    reason: str


def remember(context: typer.Context, name: str | None) -> None:
    """Store the choice of `ferryman --context NAME` for the command that follows."""
    source = context.get_parameter_source("context")
    context.obj = NamedContext(name or None, source is not None and source.name == "COMMANDLINE")


def chosen(context: typer.Context) -> ChosenContext:
    """Return which context a command uses that was not given a profile. Raises Failure for an unknown one."""
    named = _named(context)
    if named.used is not None:
        return named.used
    if named.name is not None:
        reason = "--context" if named.by_option else CONTEXT_VARIABLE
        return ChosenContext(named.name, read_contexts().get(named.name), reason)
    variable = preferred_variable(os.environ)
    if variable:
        return ChosenContext("", None, f"{variable} is set")
    contexts = read_contexts()
    if not contexts.current:
        return ChosenContext("", None, "no context is current")
    return ChosenContext(contexts.current, contexts.get(contexts.current), "the current context")


def use_context(context: typer.Context, profile: str | None) -> str | None:
    """Set up this process for the context, unless the command was given a profile; return that profile.

    The callback of `--profile`, so it runs for every command that calls the server. Raises Failure.
    """
    named = _named(context)
    if profile is not None:
        if named.by_option:
            raise Failure(
                "Both --context and --profile were given", "each says which server to use", "Leave one of them out"
            )
        set_variables(named.replaced, os.environ)  # `ferryman nodes` has used the context before `nodes describe` runs
        return profile
    if named.used is None:
        named.used = chosen(context)
        if named.used.context is not None:
            named.replaced = set_variables(named.used.context.variables(os.environ), os.environ)
    return None


def own_variable(context: typer.Context, name: str) -> str | None:
    """Return a variable of the environment as it was before a context changed it; None if it was not set."""
    replaced = _named(context).replaced
    return replaced[name] if name in replaced else os.environ.get(name)


def described(context: typer.Context, profile: str | None) -> str:
    """Return in a few words why a command uses its server: its profile, the context, or why there is none."""
    if profile is not None:
        return f"profile {profile}"
    choice = chosen(context)
    if choice.context is None:
        return f"no context: {choice.reason}"
    by = f", by {choice.reason}" if _named(context).name is not None else ""
    return f"context {choice.name}{by}"


def context_words(context: typer.Context, profile: str | None) -> list[str]:
    """Return the options that make another `ferryman` use the same context, none if it is given a profile."""
    named = _named(context)
    if profile is not None or not named.replaced:
        return []
    return ["--context", chosen(context).name]


def context_of(server: str, profile: str, ca_file: Path | None) -> Context:
    """Return a context for a profile in AWS's files as this process finds them."""
    files = {name: str(Path(os.environ[name]).expanduser().absolute()) for name in FILES if os.environ.get(name)}
    return Context(server, profile, files.get(FILES[0], ""), files.get(FILES[1], ""), str(ca_file or ""))


def stage_context(staged: StagedFiles, name: str, context: Context) -> None:
    """Stage the contexts with one that is now the current one."""
    staged.stage(contexts_file(), read_contexts().with_context(name, context).encoded())


def announced(name: str, environment: Mapping[str, str]) -> list[str]:
    """Return lines that say that a context is the current one, and what may prevent its use."""
    lines = [f"The current context is now {name}: `ferryman nodes` and every other command use it."]
    variable = preferred_variable(environment)
    if variable:
        lines.append(f"In this terminal {variable} is set, which goes before it. Remove it: unset {variable}")
    lines.append('For `aws`, Terraform and other programs: eval "$(ferryman context env)"')
    return lines


def place(context: Context) -> str:
    """Return where a context's profile is, for people."""
    return context.config_file or str(config_file())


def _named(context: typer.Context) -> NamedContext:
    found = context.find_root().obj
    return found if isinstance(found, NamedContext) else NamedContext(None, by_option=False)
