"""`ferryman ssh-config`."""

import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from ferryman.cli.api_options import EndpointOption, ProfileOption, RegionOption
from ferryman.plugin.api_client import Connection, connect
from ferryman.plugin.target import Target, all_nodes

UserOption = Annotated[
    str | None, typer.Option("--user", help="The user to log in as on the nodes.", show_default=False)
]
_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def command(
    *,
    user: UserOption = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Print an OpenSSH client configuration by which ssh, scp, sftp and rsync reach the nodes by name."""
    nodes = all_nodes(connect(Connection(profile, region, endpoint_url)))
    program = shutil.which(sys.argv[0]) or "ferryman"
    options = {"--profile": profile, "--region": region, "--endpoint-url": endpoint_url}
    sys.stdout.write(configuration(nodes, program, options, user))


def configuration(nodes: Sequence[Target], program: str, options: dict[str, str | None], user: str | None) -> str:
    """Return the text: a block for every node, under its id and, where no other node has it, its name.

    A name that ssh would take for a pattern or for several is left out.
    """
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    proxy = shlex.join([program, "forward", *given]).replace("%", "%%")
    names = Counter(node.name for node in nodes)
    blocks = ["# Made by `ferryman ssh-config`. Include it in ~/.ssh/config.\n"]
    for node in nodes:
        named = node.name != node.node_id and names[node.name] == 1 and _ALIAS.fullmatch(node.name)
        lines = [f"Host {node.name} {node.node_id}" if named else f"Host {node.node_id}", f"HostName {node.node_id}"]
        if user:
            lines.append(f"User {user}")
        lines.append(f"ProxyCommand {proxy} --stdio %p %h")
        blocks.append("\n    ".join(lines) + "\n")
    return "\n".join(blocks)
