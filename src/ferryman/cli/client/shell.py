"""`ferryman shell`."""

import os
import shlex
from typing import Annotated

import typer

from ferryman.cli.command_line import command_line
from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.printing import print_error
from ferryman.client.calls.api import Connection, connect
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.start_session import INTERACTIVE_DOCUMENT, start_session
from ferryman.client.calls.targets import find_node
from ferryman.client.plugin.arguments import SHELL_STATUS_VARIABLE, InvalidArguments
from ferryman.system.event_loop import run_loop

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="The node's id, its name, or tag:KEY=VALUE.")]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="The reason, recorded with the session.", show_default=False)
]


def command(
    context: typer.Context,
    node: NodeArgument,
    *,
    reason: ReasonOption = "",
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Open a shell on a node, or run the command after `--` in a terminal there."""
    api = connect(Connection(profile, region, endpoint_url))
    words = command_line(context)
    document = INTERACTIVE_DOCUMENT if words else ""
    parameters = {"command": shlex.join(words)} if words else {}
    launch = start_session(api, find_node(api, node).node_id, document, parameters, reason)
    raise typer.Exit(run_session(launch))


def run_session(launch: Launch) -> int:
    """Run a session on this process's terminal or standard streams; returns the exit status."""
    from ferryman.client.plugin.session import run

    try:
        return run_loop(run(launch, os.environ | {SHELL_STATUS_VARIABLE: "1"}))
    except InvalidArguments as wrong:
        print_error(*str(wrong).strip("\n").split("\n"))
        return 2
