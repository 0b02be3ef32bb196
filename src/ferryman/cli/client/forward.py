"""`ferryman forward`."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Annotated

import typer

from ferryman.cli.client.shell import NodeArgument, run_session
from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import Greetings, print_document, print_error, print_lines
from ferryman.client.calls.api import Connection, connect

SpecificationsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[[BIND:]LOCAL:][HOST:]PORT...", help="What to forward.", show_default=False),
]
BindOption = Annotated[str, typer.Option("--bind", help="The local address to listen on.")]
SocksOption = Annotated[
    int | None, typer.Option("--socks", min=0, max=65535, help="Run a SOCKS5 proxy on this port.", show_default=False)
]
StdioOption = Annotated[
    int | None,
    typer.Option(
        "--stdio", min=1, max=65535, help="Connect this port to standard input and output, for ssh.", show_default=False
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one line of JSON once everything is listening.")]


def command(
    node: NodeArgument,
    forwards: SpecificationsArgument = None,
    *,
    bind: BindOption = "127.0.0.1",
    socks: SocksOption = None,
    stdio: StdioOption = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Forward local ports to a node, or to hosts it can reach, until Ctrl-C."""
    connection = Connection(profile, region, endpoint_url)
    if stdio is not None:
        if forwards or socks is not None:
            raise typer.BadParameter("--stdio cannot be combined with other forwards")
        raise typer.Exit(_join(connection, node, stdio))
    if not forwards and socks is None:
        raise typer.BadParameter("Specify what to forward, for example: ferryman forward web-1 8080:80")
    from ferryman.cli.event_loop import run_to_end

    run_to_end(_forward(connection, node, forwards or [], bind, socks, json))


def _join(connection: Connection, node: str, port: int) -> int:
    from ferryman.client.calls.start_session import SSH_DOCUMENT, start_session
    from ferryman.client.calls.targets import find_node

    api = connect(connection)
    return run_session(start_session(api, find_node(api, node).node_id, SSH_DOCUMENT, {"portNumber": str(port)}))


async def _forward(
    connection: Connection, name: str, texts: Sequence[str], bind: str, socks: int | None, as_json: bool
) -> None:
    from ferryman.transport import without_authorities

    without_authorities.import_aiohttp()
    from ferryman.cli.client.forward_specs import parse
    from ferryman.client.api import connect as connect_node

    specifications = [parse(text) for text in texts]
    async with contextlib.AsyncExitStack() as stack:
        node = await stack.enter_async_context(
            connect_node(
                name,
                profile=connection.profile,
                region=connection.region,
                endpoint_url=connection.endpoint_url,
                on_notice=_print_problem,
                on_greeting=Greetings(),
            )
        )
        listening: list[dict[str, object]] = []
        for each in specifications:
            target = each.destination
            forward = await stack.enter_async_context(
                node.forward(
                    target.port,
                    host=target.host,
                    local_port=each.local_port,
                    bind=each.bind or bind,
                    on_problem=_print_problem,
                )
            )
            listening.append({"listen": _named(forward.address), "to": str(target)})
        if socks is not None:
            forward = await stack.enter_async_context(node.socks(socks, bind=bind, on_problem=_print_problem))
            listening.append({"listen": _named(forward.address), "to": "socks5"})
        _tell(node.name, listening, as_json=as_json)
        await asyncio.Event().wait()


def _tell(node: str, listening: Sequence[dict[str, object]], *, as_json: bool) -> None:
    if as_json:
        print_document({"node": node, "forwards": listening})
    else:
        for each in listening:
            what = "a SOCKS5 proxy" if each["to"] == "socks5" else f"forwarded to {each['to']}"
            print_lines(f"{each['listen']} is {what} through {node}")
        print_lines("Press Ctrl-C to stop.")


def _named(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _print_problem(problem: str) -> None:
    print_error(f"ferryman: {problem}")
