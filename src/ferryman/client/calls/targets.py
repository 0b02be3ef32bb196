"""Finds managed nodes by id, by name or by `tag:KEY=VALUE`."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ferryman.client.calls.api import Api
from ferryman.model.failures import Failure

TAG = "tag:"
PAGE = 50
"""The most nodes on a page of DescribeInstanceInformation."""
SHOWN = 5
_NODE_ID = re.compile(r"(mi-[0-9a-f]{17}|i-[0-9a-f]{8}|i-[0-9a-f]{17})")
_LIST = "List them with `ferryman nodes`"


@dataclass(frozen=True, slots=True)
class Target:
    """One node: its id and its display name.

    `name` was set by an administrator if `is_given`; otherwise the node reports it, and may report anything, or it is
    the id. `computer_name` is what the node reports, even if an administrator has named it; "" if nothing. `address` is
    the one it reports.
    """

    node_id: str
    name: str
    online: bool = True
    computer_name: str = ""
    is_given: bool = True
    address: str = ""


def find_nodes(api: Api, targets: Sequence[str]) -> list[Target]:
    """Return the nodes that `targets` match, each once; a tag may match many. Calls the server.

    Raises `Failure` for a target that matches no node, or for a name that several nodes have or report.
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
    return _told_apart(list(found.values()))


def all_nodes(api: Api) -> list[Target]:
    """Return every node. Calls the server."""
    return _nodes(api, [])


def find_node(api: Api, target: str) -> Target:
    """Return the one node that `target` matches. Raises `Failure` as `find_nodes`, and for a tag that several have."""
    found = find_nodes(api, [target])
    if len(found) > 1:
        raise Failure(f"{target} matches {len(found)} nodes", listed(found), "Name one of them")
    return found[0]


def named(name: str, known: Sequence[Target]) -> Target:
    """Return the node called `name`, in any case: its whole name or the first label (`web-1` of `web-1.example.org`).

    Names that administrators set come first, whole names before first labels. If several nodes share a name, the one
    that is online is used. A reported name counts only if no other node reports it: a hostile node may report any.
    Raises `Failure`.
    """
    wanted = name.lower()
    given = [node for node in known if node.is_given]
    found = [node for node in given if node.name.lower() == wanted]
    found = found or [node for node in given if wanted in labels(node.name)]
    online = [node for node in found if node.online]
    if len(found) == 1 or len(online) == 1:
        return (online or found)[0]
    if found:
        raise Failure(f"{len(found)} nodes are called {name}", listed(found), "Name one by its id")
    claiming = [node for node in known if wanted in labels(node.computer_name)]
    if len(claiming) > 1:
        raise Failure(f"{len(claiming)} nodes report the name {name}", listed(claiming), "Name one by its id")
    if claiming:
        return claiming[0]
    spellings = {node.name.lower().partition(".")[0]: node.name for node in known}
    spellings |= {node.name.lower(): node.name for node in known}
    spellings |= {node.computer_name.lower(): node.computer_name for node in known if node.computer_name}
    close = [spellings[each] for each in difflib.get_close_matches(wanted, spellings, n=SHOWN)]
    if close:
        raise Failure(f"No node is called {name}", f"did you mean {' or '.join(dict.fromkeys(close))}", _LIST)
    raise Failure(f"No node is called {name}", "it is neither a node's id, name, nor tag:KEY=VALUE", _LIST)


def labels(name: str) -> frozenset[str]:
    """Return the texts that a name is found by, in lower case: the name and its first label; nothing for an empty
    name."""
    whole = name.lower()
    return frozenset({whole, whole.partition(".")[0]} - {""})


def _told_apart(nodes: Sequence[Target]) -> list[Target]:
    """Show a node's id instead of the name it reports if another of `nodes` has the same name."""
    shown = Counter(node.name.lower() for node in nodes)
    return [
        replace(node, name=node.node_id) if not node.is_given and shown[node.name.lower()] > 1 else node
        for node in nodes
    ]


def _tagged(api: Api, target: str) -> list[Target]:
    key, equals, value = target.removeprefix(TAG).partition("=")
    if not key or not equals:
        raise Failure(f"{target} is not a valid target", "a tag is written as tag:KEY=VALUE")
    found = _nodes(api, [{"Key": f"tag:{key}", "Values": [value]}])
    if not found:
        raise Failure(f"No node has the tag {key}={value}", "", _LIST)
    return found


def _nodes(api: Api, filters: Sequence[object]) -> list[Target]:
    more = {"Filters": filters} if filters else {}
    rows = api.pages("DescribeInstanceInformation", "InstanceInformationList", MaxResults=PAGE, **more)
    return [_node(row) for row in rows]


def _node(row: Mapping[str, Any]) -> Target:
    node_id, given, reported = row["InstanceId"], row.get("Name") or "", row.get("ComputerName") or ""
    online = row.get("PingStatus") == "Online"
    return Target(
        node_id,
        given or reported or node_id,
        online,
        reported,
        is_given=bool(given),
        address=row.get("IPAddress") or "",
    )


def listed(found: Sequence[Target]) -> str:
    """Return the first of several nodes with the details that distinguish them, for people."""
    shown = ", ".join(map(_described, found[:SHOWN]))
    return f"{shown}, …" if len(found) > SHOWN else shown


def _described(node: Target) -> str:
    """Return the details that distinguish a node from another of the same name."""
    parts = [node.name] if node.name != node.node_id else []
    if node.computer_name not in ("", node.name):
        parts.append(f"reports {node.computer_name}")
    parts += [each for each in (node.address, "online" if node.online else "not online") if each]
    return f"{node.node_id} ({', '.join(parts)})"
