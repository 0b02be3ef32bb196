"""Every command that talks to a server, run as a program against one with a hostile node.

The node says of itself whatever could steer a terminal or forge a line, and answers every session with the same.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer

from ferryman.awsapi.models import operation_model
from ferryman.cli.app import app
from ferryman.cli.program.commands import Group
from ferryman.wire.agent_message import MessageType, decode
from ferryman.wire.tasks import decode_interactive_shell
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.server.peers import Peer, task_complete
from tests.server.running import REGION, Node, Server

FORGED = "FORGED"
HOSTILE = f"db-1\x1b]0;x\x07\x1b[2J\r\n{FORGED}: all is well\x9b2J\x7f\u202e\u2066\u200b\u2028{FORGED}"
SPACES = f"ops\u2028{FORGED}\u00a0\u3000"
"""What a tag's value, an activation's name and its description may hold."""
STEERING = "\x1b[2J\x1b]0;x\x07"

LINES: dict[str, list[list[str]]] = {
    "shell": [["NODE"], ["db-2"]],
    "run": [["NODE", "--", "true"], ["tag:team=ops", "--", "true"], ["--json", "tag:team=ops", "--", "true"]],
    "forward": [["NODE", "--stdio", "22"], ["NODE", "0:80"]],
    "cp": [["NODE:file", "there"]],
    "ssh-config": [[]],
    "whoami": [[], ["--json"]],
    "status": [[]],
    "nodes": [[], ["--json"]],
    "nodes list": [[], ["--json"]],
    "nodes show": [["NODE"], ["--json", "NODE"]],
    "nodes tag": [["NODE", "more=tags"], ["NODE", f"more={STEERING}"]],
    "nodes rename": [["NODE", "db-9"], ["NODE", STEERING], ["db-2", "db-9"]],
    "nodes deregister": [["db-2"], ["--yes", "OTHER"]],
    "activation create": [["--name", SPACES, "--description", SPACES]],
    "activation list": [[]],
    "activation delete": [[f"ACTIVATION{STEERING}"]],
    "sessions list": [["--target", "db-2"]],
    "sessions history": [[]],
    "sessions show": [[f"root-{STEERING}"]],
    "sessions watch": [[f"root-{STEERING}"]],
    "sessions end": [[f"root-{STEERING}"]],
    "sessions terminate": [[f"root-{STEERING}"]],
    "access request": [["NODE", "--reason", f"because{STEERING}"]],
    "access list": [[]],
    "access show": [[f"oi-{STEERING}"]],
    "access token": [[f"oi-{STEERING}"]],
    "access approve": [[f"oi-{STEERING}", "--comment", STEERING]],
    "access reject": [[f"oi-{STEERING}"]],
    "access withdraw": [[f"oi-{STEERING}"]],
    "access revoke": [[f"oi-{STEERING}"]],
    "doctor": [["--target", "db-2"]],
    "recordings list": [["--target", "db-2"], ["--target", STEERING], ["-o", "json"]],
}
ELSEWHERE = {
    "login": "unit/client/login/test_oidc.py",
    "console": "shows nothing of a node",
    "agent register": "needs no node that is registered",
    "invitation create": "shows nothing of a node",
    "invitation list": "shows nothing of a node",
    "invitation revoke": "shows nothing of a node",
    **dict.fromkeys(
        (f"recordings {name}" for name in ("show", "play", "export", "search", "hold", "release", "verify", "delete")),
        "shows ids, times and ARNs, and what was recorded as it was",
    ),
}


@dataclass
class Scene:
    """A server with two nodes, of which the first is hostile, and a place to run commands in."""

    server: Server
    node: Node
    other: Node
    environment: dict[str, str]
    directory: Path

    async def ran(self, *words: str) -> str:
        """Run a command to its end; returns what it printed on both streams."""
        names = {"NODE": self.node.node_id, "OTHER": self.other.node_id}
        arguments = [word.replace("NODE", names["NODE"]).replace("OTHER", names["OTHER"]) for word in words]
        done = await asyncio.to_thread(
            warm_programs.run, FERRYMAN, *arguments, environment=self.environment, directory=self.directory
        )
        return done.stdout + done.stderr


@pytest.fixture
async def scene(server: Server, tmp_path: Path) -> AsyncIterator[Scene]:
    # Clients dial what StartSession answers.
    object.__setattr__(server.service.settings, "public_url", server.url)
    node, other = await server.register(), await server.register()
    model = operation_model("ssm", "UpdateInstanceInformation")
    assert model is not None
    for each in (node, other):
        said = dict.fromkeys(model.input_shape.members, HOSTILE) | {"InstanceId": each.node_id}
        await update_information(server, each, said)
        tags = [{"Key": f"key\u2028{FORGED}", "Value": SPACES}, {"Key": "team", "Value": "ops"}]
        resource = {"ResourceType": "ManagedInstance", "ResourceId": each.node_id}
        await server.call("add_tags_to_resource", **resource, Tags=tags)
    await server.call("create_activation", IamRole="role", DefaultInstanceName=SPACES, Description=SPACES)
    agents = [asyncio.create_task(refuse_sessions(await each.control())) for each in (node, other)]
    environment = {
        **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
        "HOME": str(tmp_path),
        "AWS_ENDPOINT_URL": server.url,
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": server.administrator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.administrator.secret_access_key.reveal(),
    }
    yield Scene(server, node, other, environment, tmp_path)
    for agent in agents:
        agent.cancel()
        with contextlib.suppress(asyncio.CancelledError, TypeError):  # TypeError: its node was deregistered
            await agent


async def update_information(server: Server, node: Node, members: dict[str, str]) -> None:
    body = json.dumps(members).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.UpdateInstanceInformation"}
    signed = server.signed("POST", "/", "", body, headers, node.credentials, "ssm")
    async with server.http.post(server.url_of("/"), data=body, headers=signed) as answer:
        assert answer.status == 200, await answer.text()


async def refuse_sessions(control: Peer) -> None:
    """Be an agent that starts no session, and says why in its own way."""
    while True:
        message = await control.websocket.receive_bytes()
        if MessageType.INTERACTIVE_SHELL.encode() in message:
            task = decode_interactive_shell(decode(message).payload)
            await control.send(task_complete(task.session_id, "Failed", HOSTILE))


def commands() -> Iterator[str]:
    """Every command that takes a server's address."""

    def walk(command: Any, name: str) -> Iterator[str]:
        if any(parameter.name == "endpoint_url" for parameter in command.params):
            yield name
        for each, inner in (command.subcommands() if isinstance(command, Group) else {}).items():
            yield from walk(inner, f"{name} {each}".strip())

    return walk(typer.main.get_command(app), "")


def test_no_command_is_forgotten() -> None:
    assert set(commands()) == LINES.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("command", LINES)
async def test_control_characters_from_a_node_are_escaped(scene: Scene, command: str) -> None:
    for arguments in LINES[command]:
        printed = await scene.ran(*command.split(), *arguments)
        assert "Traceback" not in printed
        assert printed.strip(), arguments
        assert printed.replace("\n", "").isprintable(), [line for line in printed.split("\n") if not line.isprintable()]
        assert [line for line in printed.split("\n") if line.strip().startswith(FORGED)] == []
