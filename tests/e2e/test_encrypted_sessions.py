"""Sessions that are encrypted end to end: with a key in the server's own KMS, and in a foreign one, which is Moto's."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ferryman as public
from tests.aws_stand_ins import StandIn, moto
from tests.e2e.agents import agent_of_its_own
from tests.e2e.demo import Ferryman
from tests.e2e.lone_server import LoneServer, lone_server
from tests.e2e.people import person
from tests.e2e.programs import FERRYMAN, PLUGIN
from tests.e2e.shell import OpenShell, Shell
from tests.e2e.warm_programs import warm_programs
from tests.waiting import PATIENCE, wait_until

ENCRYPTED = "This session is encrypted using AWS KMS."
NOWHERE = "http://127.0.0.1:9"
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
        done = subprocess.run(
            self.plugin(ticket, node),
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
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
            self.server.process = subprocess.Popen(
                [FERRYMAN, "server", "--config", str(self.server.configuration)],
                env={"PATH": os.environ["PATH"]},
                stdin=subprocess.DEVNULL,
                stderr=log,
                text=True,
            )
        wait_until(self.answers)


def create_document(
    site: Site, name: str, key: str = "", session_type: str = "Standard_Stream", **content: Any
) -> None:
    inputs = {"kmsKeyId": key} if key else {}
    value = {"schemaVersion": "1.0", "sessionType": session_type, "inputs": inputs, **content}
    site.client("ssm").create_document(Name=name, Content=json.dumps(value), DocumentType="Session")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
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


@pytest.fixture
def foreign(site: Site) -> Iterator[Site]:
    """The site, whose people use the foreign KMS."""
    site.foreign = True
    yield site
    site.foreign = False


def talk(shell: Shell, word: str) -> None:
    """Type something that has `word` and an answer with it."""
    shell.run(f"echo {word}-$((6*7))", f"{word}-42\r\n")


def stored(directory: Path) -> bytes:
    """Everything in a folder's files."""
    return b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def test_relay_with_a_foreign_key_sees_only_ciphertext(foreign: Site, open_shell: OpenShell) -> None:
    foreign.wire.seen.clear()
    for document, word in ((FOREIGN, "concealed"), (PLAIN, "revealed")):
        ticket = foreign.ticket(document, FOREIGN)
        shell = open_shell(foreign, *foreign.plugin(ticket, FOREIGN))
        if document == FOREIGN:
            shell.expect(ENCRYPTED)
        shell.prompt()
        talk(shell, word)
        shell.child.send(b"exit\n")
        shell.end()
        foreign.await_end(ticket["SessionId"])
    traffic = b"".join(foreign.wire.seen)
    assert traffic.count(b"revealed-") >= 2, "what is typed goes to the node, and what is shown to the client"
    assert b"concealed" not in traffic
    kept = foreign.server.configuration.parent
    assert b"concealed" not in stored(kept)


def test_recording_says_only_that_the_session_was_encrypted(site: Site, open_shell: OpenShell) -> None:
    ticket = site.ticket(OWN, OWN)
    shell = open_shell(site, *site.plugin(ticket, OWN))
    shell.expect(ENCRYPTED)
    shell.prompt()
    session_id = ticket["SessionId"]
    watched = warm_programs.run(FERRYMAN, "sessions", "watch", session_id, environment=site.environment)
    assert watched.returncode != 0
    assert "encrypted end to end: nobody can watch it" in watched.stderr
    shell.child.send(b"exit\n")
    shell.end()
    assert site.recording(session_id) == b""
    shown = warm_programs.run(FERRYMAN, "recordings", "export", session_id, environment=site.environment).stdout
    assert "This session is encrypted end to end" in shown
    assert "ready" not in shown


def test_session_continues_over_cuts_a_restart_and_another_client(foreign: Site, open_shell: OpenShell) -> None:
    ticket = foreign.ticket(FOREIGN, FOREIGN)
    session_id = ticket["SessionId"]
    shell = open_shell(foreign, *foreign.plugin(ticket, FOREIGN))
    shell.prompt()
    foreign.wire.cut()
    talk(shell, "after-the-cut")
    with foreign.kms.frozen():
        foreign.restart()
        talk(shell, "after-the-restart")  # nothing asks KMS again
    shell.child.kill(signal.SIGKILL)
    refused = subprocess.run(
        foreign.plugin(foreign.resumed(session_id), FOREIGN),
        env=foreign.environment | {"AWS_ENDPOINT_URL_KMS": NOWHERE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert refused.returncode == 1
    assert "KMS cannot be reached" in refused.stderr
    another = open_shell(foreign, *foreign.plugin(foreign.resumed(session_id), FOREIGN))
    another.expect(ENCRYPTED)
    talk(another, "another-client")
    another.child.send(b"exit\n")
    another.end()


@contextlib.contextmanager
def disabled(site: Site) -> Iterator[None]:
    kms = site.client("kms")
    kms.disable_key(KeyId=site.keys[OWN])
    try:
        yield
    finally:
        kms.enable_key(KeyId=site.keys[OWN])


@contextlib.contextmanager
def deleted(site: Site) -> Iterator[None]:
    kms = site.client("kms")
    kms.schedule_key_deletion(KeyId=site.keys[OWN], PendingWindowInDays=7)
    try:
        yield
    finally:
        kms.cancel_key_deletion(KeyId=site.keys[OWN])
        kms.enable_key(KeyId=site.keys[OWN])


@contextlib.contextmanager
def nodes_denied(site: Site) -> Iterator[None]:
    kms, key = site.client("kms"), site.keys[OWN]
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    document = json.loads(policy)
    document["Statement"].append(
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "kms:Decrypt",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:PrincipalType": "ManagedInstance"}},
        }
    )
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    try:
        yield
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (disabled, "DisabledException"),
        (deleted, "KMSInvalidStateException"),
        (nodes_denied, "Unable to retrieve data key, AccessDeniedException"),
    ],
)
def test_session_without_a_usable_key_fails_with_the_reason(
    site: Site, fault: Callable[[Site], contextlib.AbstractContextManager[None]], cause: str
) -> None:
    with fault(site):
        said, row = site.refusal(OWN, OWN)
    assert cause in said
    assert cause in row["Details"]


def test_key_that_another_kms_has_fails_with_the_reason(site: Site) -> None:
    said, _ = site.refusal(FOREIGN, FOREIGN)  # the person's KMS is the server's
    assert "NotFoundException" in said
    site.foreign = True
    try:
        said, _ = site.refusal(FOREIGN, OWN)  # the node's KMS is the server's
    finally:
        site.foreign = False
    assert "Unable to retrieve data key" in said
    said, _ = site.refusal(OWN, OWN, AWS_ENDPOINT_URL_KMS=NOWHERE)
    assert "KMS cannot be reached" in said


def test_person_without_permission_fails_with_the_reason(site: Site) -> None:
    wait_until(lambda: site.is_connected(site.nodes[OWN]))
    bob = person(site, "bob", "ssm:StartSession", "ssm:ResumeSession", "ssm:TerminateSession")
    ticket = site.on_wire(bob.client("ssm").start_session(Target=site.nodes[OWN], DocumentName=OWN))
    done = subprocess.run(
        site.plugin(ticket, OWN),
        env=bob.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert "AccessDeniedException" in done.stdout + done.stderr
    assert "kms:GenerateDataKey" in site.await_end(ticket["SessionId"])["Details"]


def test_people_and_documents_can_insist(site: Site) -> None:
    said, row = site.refusal(PLAIN, OWN, FERRYMAN_KMS_KEYS=site.keys[OWN])
    assert "the session is not encrypted" in said
    said, row = site.refusal(OWN, OWN, FERRYMAN_KMS_KEYS="arn:aws:kms:eu-west-1:1:key/another")
    assert "FERRYMAN_KMS_KEYS does not name" in said
    assert "FERRYMAN_KMS_KEYS does not name" in row["Details"]


def test_commands_copies_and_ports_are_encrypted_if_the_preferences_say_so(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    create_document(site, "SSM-SessionManagerRunShell", site.keys[OWN])
    try:
        wait_until(lambda: site.is_connected(site.nodes[OWN]))
        site.wire.seen.clear()
        asyncio.run(use_everything(site.nodes[OWN], tmp_path))
        traffic = b"".join(site.wire.seen)
    finally:
        site.client("ssm").delete_document(Name="SSM-SessionManagerRunShell")
    assert b"hidden" not in traffic
    asyncio.run(use_everything(site.nodes[OWN], tmp_path))
    assert b"hidden" in b"".join(site.wire.seen)


async def use_everything(node_id: str, directory: Path) -> None:
    """Run a command with input, copy a file each way, and forward a port."""
    text = b"hidden text\n" * 10_000
    source, back = directory / "source", directory / "back"
    source.write_bytes(text)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with public.connect(node_id) as node:
        assert (await node.run(["sh", "-c", "cat; exit 3"], stdin=text)).stdout == text
        await node.copy(source, node.path(str(directory / "there")))
        await node.copy(node.path(str(directory / "there")), back)
        assert back.read_bytes() == text
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, node.forward(server.sockets[0].getsockname()[1]) as forward:
            reader, writer = await asyncio.open_connection(*forward.address[:2])
            writer.write(text)
            writer.write_eof()
            assert await reader.read(-1) == text
            writer.close()


def test_session_that_must_be_recorded_logged_or_observed_is_not_started(site: Site) -> None:
    ssm, key = site.client("ssm"), site.keys[OWN]
    wait_until(lambda: site.is_connected(site.nodes[OWN]))
    for name, inputs, wanted in (
        ("recorded", {"recordingMode": "required"}, "recorded"),
        ("logged", {"s3BucketName": "some-bucket"}, "logged"),
        ("observed", {"requiredObservers": "1"}, "observed"),
    ):
        create_document(site, name, inputs={"kmsKeyId": key, **inputs})
        with pytest.raises(ssm.exceptions.ClientError, match=f"encrypted end to end, and must be {wanted}"):
            ssm.start_session(Target=site.nodes[OWN], DocumentName=name)
