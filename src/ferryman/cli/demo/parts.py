"""The server and the agents of a demo, started in a scratch directory and waited for."""

import asyncio
import json
import os
import ssl
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.cli.demo.processes import Processes, Program
from ferryman.cli.demo.starting import FERRYMAN, free_port, limit, without_aws
from ferryman.cli.operate.init import Initialised, ServerPlan, initialise
from ferryman.client.calls.api import Api, Connection, connect

NODE_NAME = "demo"
"""The first node's name."""
_POLL = 0.05


@dataclass(frozen=True, slots=True)
class Parts:
    """The running parts. Pids are those of the first start."""

    made: Initialised
    node_ids: tuple[str, ...]
    server_pids: tuple[int, ...]
    agent_pids: tuple[int, ...]
    api: Api

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment with the demo's own AWS profile and our plugin first on PATH."""
        programs = Path(sys.executable).parent
        return {
            **without_aws(os.environ),
            **_profile(self.made),
            "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "AWS_PAGER": "",
        }

    def as_json(self) -> str:
        """The line that `--hold --json` prints; `docs/reference/demo.md` promises its members."""
        return json.dumps(
            {
                "endpoint_url": self.made.public_url,
                "region": self.made.region,
                "account_id": self.made.account_id,
                "access_key_id": self.made.credentials.access_key_id,
                "secret_access_key": self.made.credentials.secret_access_key.reveal(),
                "node_id": self.node_ids[0],
                "node_ids": self.node_ids,
                "ca_file": str(self.made.ca_file) if self.made.ca_file else None,
                "profile_dir": str(self.made.profile_directory),
                "pids": {
                    "server": self.server_pids[0],
                    "servers": self.server_pids,
                    "agent": self.agent_pids[0],
                    "agents": self.agent_pids,
                },
            }
        )


_ADDED = """
[oidc]
# To try a provider on this machine.
allow_http_on_loopback = true

[recordings]
mode = "required"
search = true
"""


async def start(directory: Path, nodes: int, processes: Processes, *, servers: int = 1, tls: bool = False) -> Parts:
    """Start servers and `nodes` agents and return when every node is connected; raises Failure otherwise."""
    if servers > 1:
        from ferryman.cli.demo.several.servers import start_servers

        made, server_pids = await start_servers(directory, servers, processes, _ADDED)
    else:
        made, server_pids = await _start_server(directory, processes, tls=tls)
    # While the server starts: botocore takes as long to import.
    api = await asyncio.to_thread(_client, made)
    await _until_healthy(int(made.public_url.rpartition(":")[2]), made.ca_file)
    states = [directory / f"agent{number}" for number in range(1, nodes + 1)]
    node_ids = await _register(api, made, states)
    agent_pids = tuple(
        processes.keep(
            Program(
                state.name,
                [*FERRYMAN, "agent", "run", "--state-dir", str(state)],
                without_aws(os.environ),
                directory / f"{state.name}.log",
            )
        )
        for state in states
    )
    await _until_connected(api, node_ids)
    return Parts(made, node_ids, tuple(server_pids), agent_pids, api)


async def _start_server(directory: Path, processes: Processes, *, tls: bool) -> tuple[Initialised, list[int]]:
    plan = ServerPlan(directory / "server", listen=f"127.0.0.1:{free_port()}", tls=tls)
    # It runs an event loop of its own.
    made = await asyncio.to_thread(initialise, plan)
    with made.configuration.open("a") as configuration:
        configuration.write(_ADDED)
    command = [*FERRYMAN, "server", "--config", str(made.configuration)]
    pid = processes.keep(Program("server", command, without_aws(os.environ), directory / "server.log"))
    return made, [pid]


def _profile(made: Initialised) -> dict[str, str]:
    directory = made.profile_directory
    return {
        "AWS_CONFIG_FILE": str(directory / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(directory / "credentials"),
    }


def _client(made: Initialised) -> Api:
    # botocore reads these from the environment alone; the process is the demo's own.
    for name in set(os.environ) - set(without_aws(os.environ)):
        del os.environ[name]
    os.environ.update(_profile(made))
    return connect(Connection())


async def _until_healthy(port: int, ca_file: Path | None) -> None:
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    async with limit("The demo's server did not start"):
        while not await _healthy(port, context):  # noqa: ASYNC110 - another process's doing
            await asyncio.sleep(_POLL)


async def _healthy(port: int, context: ssl.SSLContext | None) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except OSError:
        return False
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


async def _register(api: Api, made: Initialised, states: list[Path]) -> tuple[str, ...]:
    """Register nodes called demo, demo2 and so on, with an activation for each: a name belongs to an activation."""
    from ferryman.agent.identity.registration import register

    async def node(number: int, state: Path) -> str:
        name = NODE_NAME if number == 1 else f"{NODE_NAME}{number}"
        ticket = await _call(api, "CreateActivation", IamRole="FerrymanDemo", DefaultInstanceName=name)
        activation = ticket["ActivationId"], ticket["ActivationCode"]
        return await register(made.public_url, made.region, *activation, state, ca_file=made.ca_file)

    return tuple(await asyncio.gather(*(node(number, state) for number, state in enumerate(states, 1))))


async def _until_connected(api: Api, node_ids: tuple[str, ...]) -> None:
    async with limit("The demo's agents did not connect"):
        for node_id in node_ids:
            while (await _call(api, "GetConnectionStatus", Target=node_id))["Status"] != "connected":  # noqa: ASYNC110
                await asyncio.sleep(_POLL)


async def _call(api: Api, operation: str, **members: object) -> Mapping[str, Any]:
    return await asyncio.to_thread(api.call, operation, **members)
