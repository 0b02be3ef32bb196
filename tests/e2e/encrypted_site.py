"""A server, a node that uses its KMS and one that uses Moto's, and a wire between the server and its peers."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.aws_stand_ins import StandIn, moto
from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.processes.forked_processes import ForkedServer
from tests.e2e.processes.programs import PLUGIN
from tests.e2e.processes.warm_programs import warm_programs
from tests.waiting import PATIENCE, wait_until

FOREIGN, OWN, PLAIN = "foreign-key", "own-key", "no-key"
SETTINGS = '\n[recordings]\nmode = "best-effort"\n'


class Wire:
    """A TCP relay in front of the server that keeps what the server sends, which is not masked as what it gets is."""

    def __init__(self, port: int) -> None:
        self.server = ("127.0.0.1", port)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.seen: list[bytes] = []
        self.open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self.listener.accept()
                try:
                    there = socket.create_connection(self.server)
                except OSError:
                    here.close()
                    continue
                self.open += [here, there]
                threading.Thread(target=self._relay, args=(here, there), daemon=True).start()

    def _relay(self, here: socket.socket, there: socket.socket) -> None:
        with here, there:
            back = threading.Thread(target=self._copy, args=(there, here, self.seen), daemon=True)
            back.start()
            self._copy(here, there, None)
            back.join()

    def _copy(self, source: socket.socket, target: socket.socket, seen: list[bytes] | None) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if seen is not None:
                    seen.append(data)
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Break every connection."""
        for each in self.open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.open.clear()

    def close(self) -> None:
        """Break every connection, and accept no more."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()


@dataclass
class Site(Ferryman):
    """A server that records what it can, a node that uses its KMS, and one that uses Moto's."""

    server: LoneServer
    kms: StandIn
    wire: Wire
    log: Path
    nodes: dict[str, str]
    """By the KMS that they use."""
    keys: dict[str, str]
    foreign: bool = False

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | ({"AWS_ENDPOINT_URL_KMS": self.kms.url} if self.foreign else {})

    def ticket(self, document: str, node: str) -> dict[str, Any]:
        """StartSession's answer; its stream goes over the wire."""
        wait_until(lambda: self.is_connected(self.nodes[node]))
        return self.on_wire(self.client("ssm").start_session(Target=self.nodes[node], DocumentName=document))

    def resumed(self, session_id: str) -> dict[str, Any]:
        """ResumeSession's answer."""
        return self.on_wire(self.client("ssm").resume_session(SessionId=session_id))

    def on_wire(self, answer: dict[str, Any]) -> dict[str, Any]:
        path = answer["StreamUrl"].split("/", 3)[3]
        return {
            "SessionId": answer["SessionId"],
            "TokenValue": answer["TokenValue"],
            "StreamUrl": f"{self.wire.url.replace('http', 'ws')}/{path}",
        }

    def plugin(self, ticket: dict[str, Any], node: str) -> list[str]:
        """The command of the client, as the AWS CLI runs it."""
        target = json.dumps({"Target": self.nodes[node]})
        endpoint, region = str(self.facts["endpoint_url"]), str(self.facts["region"])
        return [PLUGIN, json.dumps(ticket), region, "StartSession", "", target, endpoint]

    def refusal(self, document: str, node: str, **variables: str) -> tuple[str, dict[str, Any]]:
        """Start a session that must fail; what the client says, and the session's row."""
        ticket = self.ticket(document, node)
        done = warm_programs.run(*self.plugin(ticket, node), environment=self.environment | variables)
        assert done.returncode == 1, done
        return done.stdout + done.stderr, self.await_end(ticket["SessionId"])

    def await_end(self, session_id: str) -> dict[str, Any]:
        """The row of a session once it is over."""
        wait_until(lambda: self.session_row(session_id)["Status"] in ("Failed", "Terminated"))
        return self.session_row(session_id)

    def restart(self) -> None:
        """Kill the server, and run it again."""
        self.server.process.kill()
        self.server.process.wait(PATIENCE)
        with self.log.open("a") as log:
            self.server.process = ForkedServer(self.server.configuration, log)
        wait_until(self.answers)


def create_document(
    site: Site, name: str, key: str = "", session_type: str = "Standard_Stream", **content: Any
) -> None:
    inputs = {"kmsKeyId": key} if key else {}
    value = {"schemaVersion": "1.0", "sessionType": session_type, "inputs": inputs, **content}
    site.client("ssm").create_document(Name=name, Content=json.dumps(value), DocumentType="Session")


@contextlib.contextmanager
def running_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Run all of it; there are documents called OWN, FOREIGN and PLAIN."""
    directory = tmp_path_factory.mktemp("server")
    server = lone_server(directory)
    server.configuration.write_text(server.configuration.read_text() + SETTINGS)
    log = directory / "server.log"
    with contextlib.ExitStack() as stack:
        kms = stack.enter_context(moto())
        stack.enter_context(server.running(stack.enter_context(log.open("w"))))
        wire = Wire(int(server.facts["endpoint_url"].rpartition(":")[2]))
        nodes = {}
        for name, settings in ((OWN, ""), (FOREIGN, f'[kms]\nendpoint = "{kms.url}"\n')):
            state = tmp_path_factory.mktemp(name)
            (state / "agent.toml").write_text(settings)
            nodes[name] = stack.enter_context(agent_of_its_own(server, state, wire.url))
        keys = {OWN: server.client("kms"), FOREIGN: kms.client("kms")}
        arns = {name: str(client.create_key()["KeyMetadata"]["Arn"]) for name, client in keys.items()}
        made = Site(server.facts, server.process, server, kms, wire, log, nodes, arns)
        for name in (OWN, FOREIGN):
            create_document(made, name, arns[name])
        create_document(made, PLAIN)
        for node_id in nodes.values():
            wait_until(lambda node_id=node_id: server.is_connected(node_id))  # type: ignore[misc]
        yield made
        wire.close()
        server.process.kill()
        server.process.wait(PATIENCE)
