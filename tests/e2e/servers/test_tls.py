"""Everything over TLS: server, agent, plugin, the stock AWS CLI and `ferryman`, by an authority of their own."""

import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.demo import Ferryman, running_demo
from tests.e2e.processes.programs import AWS, FERRYMAN
from tests.e2e.processes.warm_programs import warm_programs
from tests.e2e.shell import OpenShell
from tests.waiting import PATIENCE, wait_until


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ferryman]:
    with running_demo(tmp_path_factory.mktemp("demo"), "--tls") as running:
        yield running


def run(secure: Ferryman, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return warm_programs.run(FERRYMAN, *arguments, environment=secure.environment | changes)


def served(secure: Ferryman) -> str:
    """The certificate that a new connection gets."""
    host, _, port = secure.facts["endpoint_url"].removeprefix("https://").partition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=PATIENCE)


def test_a_shell_through_the_aws_cli(secure: Ferryman, open_shell: OpenShell) -> None:
    assert secure.facts["endpoint_url"].startswith("https://")
    shell = open_shell(secure)
    shell.prompt()
    shell.run("echo $((6*7))-over-tls", "42-over-tls\r\n")
    shell.child.send("exit\n")
    assert shell.end() == 0


def test_a_forwarded_port(secure: Ferryman) -> None:
    """A mebibyte there, then another back, each to the end of its direction."""
    there, back = os.urandom(1 << 20), os.urandom(1 << 20)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        parameters = f"portNumber={listener.getsockname()[1]},localPortNumber=0"
        start = (AWS, "ssm", "start-session", "--target", secure.node_id)
        document = ("--document-name", "AWS-StartPortForwardingSession", "--parameters", parameters)
        with (
            secure.running([*start, *document], r"Port (\d+) opened") as (_, port),
            socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE) as client,
        ):
            accepted, _ = listener.accept()
            with accepted:
                for sender, receiver, data in ((client, accepted, there), (accepted, client, back)):
                    sending = threading.Thread(target=_send, args=(sender, data))
                    sending.start()
                    assert b"".join(iter(lambda end=receiver: end.recv(65536), b"")) == data  # type: ignore[misc]
                    sending.join()


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def test_an_authority_that_is_not_trusted_is_named(secure: Ferryman, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert run(secure, "certificate", "new", "--directory", str(other), "--host", "127.0.0.1").returncode == 0
    arguments = (
        "--endpoint-url",
        secure.facts["endpoint_url"],
        "--activation-id",
        "x" * 36,
    )
    state = ("--state-dir", str(tmp_path / "state"))
    for ca_file in ((), ("--ca-file", str(other / "ca.pem"))):
        register = run(secure, "agent", "register", *arguments, *state, *ca_file, FERRYMAN_ACTIVATION_CODE="y" * 20)
        assert register.returncode == 1
        assert f"the certificate of {secure.facts['endpoint_url']} is not trusted" in register.stderr
        assert "--ca-file" in register.stderr
    nodes = run(secure, "nodes", AWS_CA_BUNDLE=str(other / "ca.pem"))
    assert nodes.returncode == 1
    assert "is not trusted" in nodes.stderr
    assert "AWS_CA_BUNDLE" in nodes.stderr


def test_a_new_certificate_is_used_and_the_agent_reconnects(secure: Ferryman) -> None:
    before = served(secure)
    configuration = str(Path(secure.facts["profile_dir"]).parent / "ferryman.toml")
    assert run(secure, "certificate", "renew", "--config", configuration).returncode == 0
    wait_until(lambda: served(secure) != before)
    said = run(secure, "run", secure.node_id, "--", "echo", "after")
    assert (said.returncode, said.stdout) == (0, "after\n"), said.stderr
    server = next(each for each in secure.descendants() if each.pid == secure.facts["pids"]["server"])
    server.send_signal(signal.SIGKILL)
    server.wait(PATIENCE)

    def connected() -> bool:
        answer = secure.aws("ssm", "get-connection-status", "--target", secure.node_id, check=False)
        return '"connected"' in answer.stdout

    wait_until(connected)
    said = run(secure, "run", secure.node_id, "--", "sh", "-c", "exit 7")
    assert said.returncode == 7, said.stderr
