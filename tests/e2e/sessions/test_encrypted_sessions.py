"""Sessions that are encrypted end to end: with a key in the server's own KMS, and in a foreign one, which is Moto's."""

import asyncio
import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import ferryman as public
from tests.e2e.encrypted_site import FOREIGN, OWN, PLAIN, Site, create_document, running_site
from tests.e2e.people import person
from tests.e2e.processes.programs import FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.shell import OpenShell, Shell
from tests.waiting import wait_until

ENCRYPTED = "This session is encrypted using AWS KMS."
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_site(tmp_path_factory) as made:
        yield made


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
    """Everything in a folder's files, whose server replaces some meanwhile."""
    found = b""
    for path in directory.rglob("*"):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            found += path.read_bytes()
    return found


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
    refused = warm_programs.run(
        *foreign.plugin(foreign.resumed(session_id), FOREIGN),
        environment=foreign.environment | {"AWS_ENDPOINT_URL_KMS": NOWHERE},
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
    done = warm_programs.run(*site.plugin(ticket, OWN), environment=bob.environment)
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
        said = asyncio.run(use_everything(site.nodes[OWN], tmp_path))
        traffic = b"".join(site.wire.seen)
    finally:
        site.client("ssm").delete_document(Name="SSM-SessionManagerRunShell")
    assert b"hidden" not in traffic
    assert set(said) == {ENCRYPTED}
    assert len(said) >= 4, "each session says it"
    assert asyncio.run(use_everything(site.nodes[OWN], tmp_path)) == []
    assert b"hidden" in b"".join(site.wire.seen)


async def use_everything(node_id: str, directory: Path) -> list[str]:
    """Run a command with input, copy a file each way, and forward a port; what agents said as the sessions began."""
    said: list[str] = []
    text = b"hidden text\n" * 10_000
    source, back = directory / "source", directory / "back"
    source.write_bytes(text)

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async with public.connect(node_id, on_greeting=said.append) as node:
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
    return said


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
