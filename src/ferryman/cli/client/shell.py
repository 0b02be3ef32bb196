"""`ferryman shell`."""

import os
import shlex
from collections.abc import Mapping
from typing import Annotated, Literal

import typer

from ferryman.cli.command_line import command_line
from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import print_error
from ferryman.client.calls.api import Api, Connection, Refused, connect
from ferryman.client.calls.launch import Launch
from ferryman.client.calls.start_session import INTERACTIVE_DOCUMENT, start_session
from ferryman.client.calls.targets import Target, all_nodes, find_node
from ferryman.client.plugin.arguments import PREDICTION_VARIABLE, SHELL_STATUS_VARIABLE, InvalidArguments
from ferryman.system.event_loop import run_loop

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="The node's id, its name, or tag:KEY=VALUE.")]
OptionalNodeArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="NODE",
        help="The node's id, its name, or tag:KEY=VALUE. Without it you choose one on the terminal.",
        show_default=False,
    ),
]
ReasonOption = Annotated[
    str, typer.Option("--reason", help="The reason, recorded with the session.", show_default=False)
]
RequestOption = Annotated[
    bool, typer.Option("--request", help="Ask for access to the node, wait for the approval, and open the shell then.")
]
PredictOption = Annotated[
    Literal["auto", "always", "never"],
    typer.Option(
        "--predict",
        help="Show what you type before the node echoes it: on a slow path, always, or never.",
        envvar=PREDICTION_VARIABLE,
        case_sensitive=False,
    ),
]


def command(
    context: typer.Context,
    node: OptionalNodeArgument = None,
    *,
    reason: ReasonOption = "",
    request: RequestOption = False,
    predict: PredictOption = "auto",
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Open a shell on a node, or run the command after `--` in a terminal there."""
    api = connect(Connection(profile, region, endpoint_url))
    words = command_line(context)
    document = INTERACTIVE_DOCUMENT if words else ""
    parameters = {"command": shlex.join(words)} if words else {}
    target = find_node(api, node) if node is not None else _pick(api)
    if request:
        from ferryman.cli.client.access_on_request import with_approved_access

        api = with_approved_access(api, target, reason)
    try:
        launch = start_session(api, target.node_id, document, parameters, reason)
    except Refused as refused:
        if refused.code != "AccessDeniedException" or request:
            raise
        ask = f"Ask for access: `ferryman shell {shlex.quote(target.name)} --request --reason 'why'`"
        raise Refused(refused.what, refused.cause, ask, refused.code) from refused
    raise typer.Exit(run_session(launch, {PREDICTION_VARIABLE: predict}))


def _pick(api: Api) -> Target:
    from ferryman.cli.client.picker import pick_node

    return pick_node(all_nodes(api))


def run_session(launch: Launch, settings: Mapping[str, str] | None = None) -> int:
    """Run a session on this process's terminal or standard streams; returns the exit status.

    `settings` take precedence over the environment's variables.
    """
    from ferryman.transport import without_authorities

    without_authorities.import_aiohttp()
    from ferryman.client.plugin.session import run

    try:
        return run_loop(run(launch, {**os.environ, SHELL_STATUS_VARIABLE: "1", **(settings or {})}))
    except InvalidArguments as wrong:
        print_error(*str(wrong).strip("\n").split("\n"))
        return 2
