"""The names of nodes for completion, kept for a minute in the user's cache directory."""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ferryman.client.calls.api import Connection, connect
from ferryman.model.failures import Failure
from ferryman.model.values.node_names import is_node_name
from ferryman.system.private_files import make_private_directory, replace_private

KEPT_SECONDS = 60
MOST = 1_000
"""Nodes that are asked for."""
_PAGE = 50
_OPTIONS = ("--profile", "--region", "--endpoint-url", "--context")
_VARIABLES = (
    *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "FERRYMAN_CONTEXT"),
)
Nodes = list[tuple[str, str]]


def known_nodes(words: Sequence[str]) -> Nodes:
    """Return names, or ids of nodes without one, and statuses; `words` may hold the options that choose the server.

    Calls the server if the cache is old. A failure counts as no nodes, and is kept as long.
    """
    chosen = {name: words[at + 1] for at, name in enumerate(words[:-1]) if name in _OPTIONS}
    path = _cache_file(chosen)
    with contextlib.suppress(OSError, ValueError):
        if time.time() - path.stat().st_mtime < KEPT_SECONDS:
            return [(str(name), str(status)) for name, status in json.loads(path.read_bytes())]
    try:
        found = _ask(chosen)
    except Failure:
        found = []
    with contextlib.suppress(OSError):
        make_private_directory(path.parent)
        replace_private(path, json.dumps(found).encode(), durable=False)
    return found


def _ask(chosen: dict[str, str]) -> Nodes:
    api = connect(_connection(chosen))
    rows = islice(api.pages("DescribeInstanceInformation", "InstanceInformationList", MaxResults=_PAGE), MOST)
    return [(_name(row), str(row.get("PingStatus", ""))) for row in rows]


def _name(row: Any) -> str:
    """Return a name that no shell reads as anything else: nodes may report any."""
    name = str(row.get("Name") or row.get("ComputerName") or "")
    return name if is_node_name(name) else str(row["InstanceId"])


def _connection(chosen: dict[str, str]) -> Connection:
    """Return the connection, after setting up this process for the context that is used."""
    import typer

    from ferryman.cli.app import app
    from ferryman.cli.contexts import NamedContext, use_context

    context: Any = typer.main.get_command(app).make_context("ferryman", ["nodes"], resilient_parsing=True)
    name = chosen.get("--context") or os.environ.get("FERRYMAN_CONTEXT")
    context.obj = NamedContext(name, by_option="--context" in chosen)
    profile = use_context(context, chosen.get("--profile"))
    return Connection(profile, chosen.get("--region"), chosen.get("--endpoint-url"))


def _cache_file(chosen: dict[str, str]) -> Path:
    directory = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ferryman" / "nodes"
    told = [*sorted(chosen.items()), *((name, os.environ.get(name, "")) for name in _VARIABLES)]
    return directory / f"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]}.json"
