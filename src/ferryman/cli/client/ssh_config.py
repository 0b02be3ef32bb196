"""`ferryman ssh-config`."""

import re
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.printing import say
from ferryman.client.calls.api import Connection, connect
from ferryman.client.calls.targets import Target, all_nodes, labels

UserOption = Annotated[
    str | None, typer.Option("--user", help="The user to log in as on the nodes.", show_default=False)
]
SUFFIX = ".ferryman"
"""Of the alias that stands for a name that nobody but the node itself vouches for."""
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
    say(*configuration(nodes, program, options, user).removesuffix("\n").split("\n"))


def configuration(nodes: Sequence[Target], program: str, options: dict[str, str | None], user: str | None) -> str:
    """Return the text: a block for every node, under its id and, where no other node has it, its name.

    A name that a node reports itself gets `SUFFIX`, so that no node takes the name of a host that is reached otherwise.
    A name that ssh would take for a pattern or for several is left out.
    """
    given = [word for name, value in options.items() if value is not None for word in (name, value)]
    proxy = shlex.join([program, "forward", *given]).replace("%", "%%")
    blocks = ["# Made by `ferryman ssh-config`. Include it in ~/.ssh/config.\n"]
    for node, alias in zip(nodes, _aliases(nodes), strict=True):
        lines = [f"Host {alias} {node.node_id}" if alias else f"Host {node.node_id}", f"HostName {node.node_id}"]
        if user:
            lines.append(f"User {user}")
        lines.append(f"ProxyCommand {proxy} --stdio %p %h")
        blocks.append("\n    ".join(lines) + "\n")
    return "\n".join(blocks)


def _aliases(nodes: Sequence[Target]) -> list[str]:
    """Return each node's alias beside its id, "" for none."""
    given = Counter(node.name.lower() for node in nodes if node.is_given)
    of_given = {label for node in nodes if node.is_given for label in labels(node.name)}
    claims = Counter(label for node in nodes for label in labels(node.computer_name))

    def alias(node: Target) -> str:
        if not _ALIAS.fullmatch(node.name):
            return ""
        name = node.name.lower()
        if node.is_given:
            return node.name if given[name] == 1 else ""
        if not node.computer_name or claims[name] > 1 or {name, name + SUFFIX} & of_given:
            return ""
        return node.name + SUFFIX

    return [alias(node) for node in nodes]
