"""Which managed nodes a person means: by id, by name, or by `tag:KEY=VALUE`."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ferryman.model.failures import Failure
from ferryman.plugin.api_client import Api

TAG = "tag:"
PAGE = 50
"""The most nodes that DescribeInstanceInformation answers at once."""
SHOWN = 5
_NODE_ID = re.compile(r"(mi-[0-9a-f]{17}|i-[0-9a-f]{8}|i-[0-9a-f]{17})")
_LIST = "List them with `ferryman nodes`"


@dataclass(frozen=True, slots=True)
class Target:
    """One node: its id, and what people call it, which is the id where it has no name."""

    node_id: str
    name: str
    online: bool = True


def find_nodes(api: Api, targets: Sequence[str]) -> list[Target]:
    """Return the nodes that `targets` mean together, each once; a tag may mean many. Calls the server.

    Raises `Failure` for a target that means no node, or for a name that several nodes have.
    """
    known: list[Target] | None = None
    found: dict[str, Target] = {}
    for target in targets:
        if target.startswith(TAG):
            chosen = _tagged(api, target)
        elif _NODE_ID.fullmatch(target):
            chosen = [Target(target, target)]
        else:
            known = _nodes(api, []) if known is None else known
            chosen = [named(target, known)]
        for node in chosen:
            found.setdefault(node.node_id, node)
    return list(found.values())


def all_nodes(api: Api) -> list[Target]:
    """Return every node. Calls the server."""
    return _nodes(api, [])


def find_node(api: Api, target: str) -> Target:
    """Return the one node that `target` means. Raises `Failure`, as `find_nodes`, and for a tag that several have."""
    found = find_nodes(api, [target])
    if len(found) > 1:
        raise Failure(f"{target} means {len(found)} nodes", _listed(found), "Name one of them")
    return found[0]


def named(name: str, known: Sequence[Target]) -> Target:
    """Return the node called `name`; of several, the only one that is online. Raises `Failure`.

    Capitals do not matter. A name is told by `known`, and its first label (`web-1` of `web-1.example.org`) will do.
    """
    wanted = name.lower()
    found = [node for node in known if node.name.lower() == wanted]
    found = found or [node for node in known if node.name.lower().partition(".")[0] == wanted]
    online = [node for node in found if node.online]
    if len(found) == 1 or len(online) == 1:
        return (online or found)[0]
    if found:
        raise Failure(f"{len(found)} nodes are called {name}", _listed(found), "Name one by its id")
    spellings = {node.name.lower().partition(".")[0]: node.name for node in known}
    spellings |= {node.name.lower(): node.name for node in known}
    close = difflib.get_close_matches(wanted, spellings, n=SHOWN)
    if close:
        meant = " or ".join(dict.fromkeys(spellings[each] for each in close))
        raise Failure(f"No node is called {name}", f"did you mean {meant}", _LIST)
    raise Failure(f"No node is called {name}", "it is neither a node's id, name, nor tag:KEY=VALUE", _LIST)


def _tagged(api: Api, target: str) -> list[Target]:
    key, equals, value = target.removeprefix(TAG).partition("=")
    if not key or not equals:
        raise Failure(f"{target} means no node", "a tag is given as tag:KEY=VALUE")
    found = _nodes(api, [{"Key": f"tag:{key}", "Values": [value]}])
    if not found:
        raise Failure(f"No node has the tag {key}={value}", "", _LIST)
    return found


def _nodes(api: Api, filters: Sequence[object]) -> list[Target]:
    more = {"Filters": filters} if filters else {}
    rows = api.pages("DescribeInstanceInformation", "InstanceInformationList", MaxResults=PAGE, **more)
    return [
        Target(
            row["InstanceId"],
            str(row.get("Name") or row.get("ComputerName") or row["InstanceId"]),
            row.get("PingStatus") == "Online",
        )
        for row in rows
    ]


def _listed(found: Sequence[Target]) -> str:
    shown = ", ".join(f"{node.node_id} ({node.name})" for node in found[:SHOWN])
    return f"{shown}, …" if len(found) > SHOWN else shown
