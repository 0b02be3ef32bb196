"""Sessions that are encrypted end to end with a key in a foreign KMS, which is Moto's."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.aws_stand_ins import StandIn, moto
from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.programs import AWS
from tests.e2e.shell import OpenShell
from tests.waiting import wait_until

ENCRYPTED = "This session is encrypted using AWS KMS."


@dataclass
class Encrypting(Ferryman):
    """A node whose agent, and a person whose clients, use another KMS than the server's."""

    server: LoneServer
    kms: StandIn
    key: str
    node: str = field(default="")

    @property
    def node_id(self) -> str:
        return self.node

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"AWS_ENDPOINT_URL_KMS": self.kms.url}


def document(name: str, session_type: str, key: str, **content: Any) -> dict[str, Any]:
    value = {"schemaVersion": "1.0", "sessionType": session_type, "inputs": {"kmsKeyId": key}, **content}
    return {"Name": name, "Content": json.dumps(value), "DocumentType": "Session"}


@pytest.fixture(scope="module")
def encrypting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypting]:
    directory, state = tmp_path_factory.mktemp("server"), tmp_path_factory.mktemp("agent")
    server = lone_server(directory)
    with server.configuration.open("a") as configuration:
        configuration.write('\n[recordings]\nmode = "best-effort"\n')
    with moto() as kms, (directory / "server.log").open("w") as log, server.running(log):
        key = kms.client("kms").create_key()["KeyMetadata"]["Arn"]
        (state / "agent.toml").write_text(f'[kms]\nendpoint = "{kms.url}"\n')
        with agent_of_its_own(server, state, server.facts["endpoint_url"]) as node_id:
            running = Encrypting(server.facts, server.process, server, kms, key, node_id)
            running.client("ssm").create_document(**document("encrypted-shell", "Standard_Stream", key))
            wait_until(lambda: running.is_connected(node_id))
            yield running


def test_shell(encrypting: Encrypting, open_shell: OpenShell) -> None:
    shell = open_shell(
        encrypting, AWS, "ssm", "start-session", "--target", encrypting.node_id, "--document-name", "encrypted-shell"
    )
    shell.expect("This session is encrypted using AWS KMS.")
    shell.prompt()
    shell.run("echo $((6*7))", "42\r\n")
    shell.child.send(b"exit\n")
    shell.end()
