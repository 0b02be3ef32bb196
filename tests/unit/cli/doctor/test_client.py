import socket
import struct
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import time

import pytest

from ferryman.cli.doctor.client import CheckResult, examine_client, examine_node, examine_server
from ferryman.client.calls.api import Connection

Serve = Callable[[int, float], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers with a status and with a time that is off by some seconds."""
    servers: list[HTTPServer] = []

    def start(status: int, off: float) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(status)
                self.send_header("Date", formatdate(time() + off, usegmt=True))
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_healthy_server(serve: Serve) -> None:
    assert [finding.verdict for finding in examine_server(serve(200, 0))] == [CheckResult.GOOD, CheckResult.GOOD]


@pytest.mark.parametrize(("off", "word"), [(1000, "behind"), (-1000, "ahead of")])
def test_a_clock_that_is_off(serve: Serve, off: float, word: str) -> None:
    _, clock = examine_server(serve(200, off))
    assert clock.verdict is CheckResult.BAD
    assert word in clock.said
    assert clock.advice


@pytest.mark.parametrize(("status", "advice"), [(503, "log"), (404, "port")])
def test_another_answer(serve: Serve, status: int, advice: str) -> None:
    (finding,) = examine_server(serve(status, 0))
    assert finding.verdict is CheckResult.BAD
    assert str(status) in finding.said
    assert advice in finding.advice


def test_tls_where_there_is_none(serve: Serve) -> None:
    (finding,) = examine_server(serve(200, 0).replace("http:", "https:"))
    assert "does not speak TLS" in finding.said


def test_a_name_that_does_not_exist() -> None:
    (finding,) = examine_server("http://host.invalid")
    assert finding.verdict is CheckResult.BAD
    assert "host.invalid" in finding.said


@pytest.mark.parametrize(
    ("script", "verdict", "said"),
    [
        ("echo 1.2.650.0", CheckResult.GOOD, "AWS's"),
        ("echo 1.2.889.0", CheckResult.DOUBTFUL, "may refuse"),
        ("echo something else", CheckResult.BAD, "does not print its version"),
        ("exit 1", CheckResult.BAD, "does not print its version"),
        (None, CheckResult.DOUBTFUL, "not on PATH"),
    ],
)
def test_plugins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, verdict: CheckResult, said: str
) -> None:
    if script is not None:
        plugin = tmp_path / "session-manager-plugin"
        plugin.write_text(f"#!/bin/sh\n{script}\n")
        plugin.chmod(0o755)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = {finding.subject: finding for finding in examine_client(Connection(), None)}
    assert findings["session-manager-plugin"].verdict is verdict
    assert said in findings["session-manager-plugin"].said
    assert findings["AWS CLI"].verdict is CheckResult.DOUBTFUL
    assert findings["Configuration"].verdict is CheckResult.BAD
    assert "No Ferryman server is configured" in findings["Configuration"].said


@pytest.mark.parametrize(("is_server", "verdict"), [(False, CheckResult.BAD), (True, CheckResult.DOUBTFUL)])
def test_a_missing_plugin_is_wrong_only_where_sessions_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_server: bool, verdict: CheckResult
) -> None:
    aws = tmp_path / "aws"
    aws.write_text("#!/bin/sh\necho aws-cli/2.27.0 Python/3.13\n")
    aws.chmod(0o755)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = {finding.subject: finding for finding in examine_client(Connection(), None, is_server=is_server)}
    assert findings["session-manager-plugin"].verdict is verdict


def test_an_agent_without_a_registration(tmp_path: Path) -> None:
    (finding,) = examine_node(tmp_path)
    assert finding.verdict is CheckResult.BAD
    assert "register" in finding.advice


def test_an_impossible_name_is_reported_without_naming_a_codec() -> None:
    (finding,) = examine_server(f"http://{'a' * 70}.invalid")
    assert finding.verdict is CheckResult.BAD
    assert "codec" not in finding.said


def test_a_reset_connection_is_reported_without_an_error_number() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reset() -> None:
            accepted, _ = listening.accept()
            accepted.recv(4096)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()

        resetting = threading.Thread(target=reset)
        resetting.start()
        (finding,) = examine_server(f"http://127.0.0.1:{listening.getsockname()[1]}")
        resetting.join()
    assert finding.said.endswith("cannot be reached: Connection reset by peer")
