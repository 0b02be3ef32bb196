"""`ferryman run`."""

import contextlib
from collections.abc import AsyncIterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.cli.command_line import command_line
from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import Greetings, print_error
from ferryman.client.calls.api import Connection
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.client.api import Node

UNREACHED = 255
"""The exit code if the command's own is not known, as with ssh."""
PARALLEL = 10

NodesArgument = Annotated[
    list[str], typer.Argument(metavar="NODE...", help="Nodes by id, name, or tag:KEY=VALUE, which can match several.")
]
ParallelOption = Annotated[
    int, typer.Option("--parallel", min=1, max=500, help="Run on at most this many nodes at a time.")
]
LinesOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON per event, for programs.")]
NoInputOption = Annotated[bool, typer.Option("--no-stdin", help="Do not connect standard input.")]


def command(
    context: typer.Context,
    nodes: NodesArgument,
    *,
    parallel: ParallelOption = PARALLEL,
    json: LinesOption = False,
    no_stdin: NoInputOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Run the program after `--` on one or more nodes, and exit with its exit code."""
    words = command_line(context)
    if not words:
        raise typer.BadParameter("Specify the program after --, for example: ferryman run web-1 -- uname -a")
    from ferryman.cli.event_loop import run_to_end

    try:
        code = run_to_end(_run(Connection(profile, region, endpoint_url), nodes, words, parallel, json, no_stdin))
    except Failure as failure:
        print_error(f"ferryman: {failure.line}")
        code = UNREACHED
    raise typer.Exit(code)


async def _run(
    connection: Connection, nodes: Sequence[str], words: Sequence[str], parallel: int, json: bool, no_stdin: bool
) -> int:
    from ferryman.transport import without_authorities

    without_authorities.import_aiohttp()
    from ferryman.cli.client.run_many import run_on_all
    from ferryman.client.api import connect_all

    async with connect_all(
        nodes,
        profile=connection.profile,
        region=connection.region,
        endpoint_url=connection.endpoint_url,
        on_notice=_notice,
        on_greeting=Greetings(),
    ) as found:
        if len(found) > 1 or json:
            return await run_on_all(found, words, parallel, as_json=json)
        return await _run_on_one(found[0], words, no_stdin)


async def _run_on_one(node: "Node", words: Sequence[str], no_stdin: bool) -> int:
    """Connect the command's streams to ours, byte for byte."""
    from ferryman.cli.client.streams import STDERR, STDOUT, StandardInput, StandardOutput
    from ferryman.client.api import Stream
    from ferryman.client.library.input_feeding import feed

    with contextlib.ExitStack() as stack:
        outputs = {Stream.STDOUT: StandardOutput(STDOUT), Stream.STDERR: StandardOutput(STDERR)}
        for output in outputs.values():
            stack.callback(output.close)
        async with node.start(words) as running:
            pieces: AsyncIterable[bytes] | list[bytes] = []
            if running.takes_input and not no_stdin:
                typed = StandardInput()
                stack.callback(typed.close)
                pieces = typed
            async with feed(running, pieces):
                async for stream, data in running:
                    await outputs[stream].write(data)
            return await running.wait()


def _notice(line: str) -> None:
    print_error(f"ferryman: {line}")
