"""The pieces that start every part of a demo: its command, its environment, a port, and a time limit."""

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from ferryman.model.failures import Failure

START_LIMIT = 60.0
"""Seconds for the server to answer, and again for every node to be connected."""
_PORTS = range(20_000, 32_000)
"""Below Linux's ephemeral ports: between a server's death and its restart no outgoing connection takes its port."""
FERRYMAN = (sys.executable, "-P", "-m", "ferryman.cli.main")


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without anything that leads AWS tools or Ferryman elsewhere."""
    return {name: value for name, value in environment.items() if not name.startswith(("AWS_", "FERRYMAN_"))}


def free_port() -> int:
    """Return a TCP port that nothing on 127.0.0.1 listens on now."""
    for port in random.sample(_PORTS, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failure("There is no free port", f"100 ports between {_PORTS[0]} and {_PORTS[-1]} are in use")


@asynccontextmanager
async def limit(what: str) -> AsyncIterator[None]:
    """Raise Failure, which says `what`, if something takes longer than `START_LIMIT`."""
    try:
        async with asyncio.timeout(START_LIMIT):
            yield
    except TimeoutError as error:
        raise Failure(what, f"it took longer than {START_LIMIT:.0f} seconds") from error
