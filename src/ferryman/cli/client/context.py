"""`ferryman context list | use | show | env | delete`: which server commands talk to."""

import os
import shlex
from typing import Annotated

import typer

from ferryman.cli.contexts import announced, chosen, place
from ferryman.cli.options import JsonOption, OutputOption, QuietOption, WideOption, chosen_output
from ferryman.cli.output.printing import print_error, print_lines
from ferryman.cli.output.tables import Column, print_listing
from ferryman.cli.program.commands import App
from ferryman.client.calls.aws_models import DATA_PATH, with_own_models
from ferryman.client.login.contexts import Context, Contexts, read_contexts, write_contexts
from ferryman.model.failures import Failure

app = App(help="Choose which server commands talk to.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The context's name.")]
PRECEDENCE = (
    "a command's --profile",
    "`ferryman --context NAME`",
    "FERRYMAN_CONTEXT",
    "AWS's variables: AWS_PROFILE, AWS_CONFIG_FILE, AWS_SHARED_CREDENTIALS_FILE, AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL",
    "the current context",
    "AWS's default profile",
)
"""What says which server is used, the first that is there."""


@app.command("list")
def list_contexts(
    *,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
) -> None:
    """List the contexts, and which one is current."""
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    contexts = read_contexts()
    print_listing(
        [Column("Context"), Column("State", is_state=True), Column("Server"), Column("Profile", rank=1)],
        (
            [name, "current" if name == contexts.current else "", context.server, context.profile]
            for name, context in sorted(contexts.contexts.items())
        ),
        "There are no contexts. `ferryman login` and `ferryman init` create one.",
        how,
        documents=lambda: [_members(name, contexts) for name in sorted(contexts.contexts)],
    )


@app.command("use")
def use(name: NameArgument) -> None:
    """Make a context the current one, in every terminal."""
    contexts = read_contexts()
    contexts.get(name)
    write_contexts(Contexts(contexts.contexts, name))
    print_lines(*announced(name, os.environ))


@app.command("show")
def show(context: typer.Context) -> None:
    """Show which context commands use now, and why."""
    choice = chosen(context)
    if choice.context is None:
        print_lines(f"No context is used: {choice.reason}.")
    else:
        print_lines(
            f"Context  {choice.name}", f"Server   {choice.context.server}", f"Profile  {choice.context.profile}"
        )
        print_lines(f"In       {place(choice.context)}", f"Chosen   by {choice.reason}")
    print_lines("", "The first of these that is there says which server is used:")
    print_lines(*(f"  {number}. {text}" for number, text in enumerate(PRECEDENCE, 1)))


@app.command("env")
def env(context: typer.Context) -> None:
    """Print the context as shell commands, for the AWS CLI and other programs: eval "$(ferryman context env)"."""
    choice = chosen(context)
    if choice.context is None:
        raise Failure("No context is used", choice.reason, "Choose one with `ferryman --context NAME context env`")
    for name, value in sorted(choice.context.variables(os.environ).items()):
        if value is not None:
            print_lines(f"export {name}={shlex.quote(value)}")
        elif name in os.environ:
            print_lines(f"unset {name}")
    print_lines(f"export {DATA_PATH}={shlex.quote(with_own_models(os.environ.get(DATA_PATH, '')))}")


@app.command("delete")
def delete(name: NameArgument) -> None:
    """Delete a context. Its profile in AWS's files stays."""
    contexts = read_contexts()
    context = contexts.get(name)
    write_contexts(contexts.without(name))
    print_lines(f"Deleted the context {name}. The profile {context.profile} in {place(context)} stays.")
    if contexts.current == name:
        print_error("No context is current now. Choose one with `ferryman context use NAME`.")


def _members(name: str, contexts: Contexts) -> dict[str, object]:
    context: Context = contexts.contexts[name]
    return {
        "name": name,
        "current": name == contexts.current,
        "server": context.server,
        "profile": context.profile,
        "config_file": context.config_file or None,
        "credentials_file": context.credentials_file or None,
    }
