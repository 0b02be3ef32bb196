"""Forwarded ports through the stock AWS CLI, used by curl."""

import hashlib
import http.server
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.demo import Ferryman
from tests.e2e.processes.programs import AWS
from tests.waiting import AT_ONCE, PATIENCE, program_start, seconds_of, wait_until

Curl = Callable[..., subprocess.CompletedProcess[bytes]]


class Website(http.server.BaseHTTPRequestHandler):
    """Answers with as many bytes as the path says; POST with the digest of what came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(bytes(int(self.path[1:])))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(hashlib.sha256(body).hexdigest().encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


@pytest.fixture(scope="module")
def website() -> Iterator[int]:
    """The port of a web server on this machine, which is the node."""
    server = Server(("127.0.0.1", 0), Website)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def forwarded(ferryman: Ferryman, document: str, parameters: str) -> Any:
    """A running forward, and its port or socket; Ctrl-C ends it."""
    command = [AWS, "ssm", "start-session", "--target", ferryman.node_id]
    command += ["--document-name", document, "--parameters", parameters]
    return ferryman.running(command, r"(?:Port|Unix socket) (\S+) opened for sessionId \S+\.")


def forward(ferryman: Ferryman, port: int) -> Any:
    return forwarded(ferryman, "AWS-StartPortForwardingSession", f"portNumber={port},localPortNumber=0")


@pytest.fixture
def curl(program: Callable[[str], str]) -> Curl:
    """Run curl."""
    path = program("curl")

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        command = [path, "--silent", "--show-error", "--noproxy", "*", *arguments]
        return subprocess.run(command, capture_output=True, timeout=PATIENCE, check=check)

    return run


def test_curl_makes_a_hundred_concurrent_requests(ferryman: Ferryman, website: int, curl: Curl) -> None:
    with forward(ferryman, website) as (process, port):
        urls = [argument for n in range(100) for argument in (f"http://127.0.0.1:{port}/{1000 * n}", "-o", "/dev/null")]
        sizes = curl("--parallel", "--parallel-immediate", "--parallel-max", "100", "-w", "%{size_download}\n", *urls)
        assert sorted(int(line) for line in sizes.stdout.split()) == [1000 * n for n in range(100)]
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(PATIENCE) == 0
    wait_until(ferryman.has_no_sessions)
    rows = ferryman.client("ssm").describe_sessions(State="History")["Sessions"]
    assert rows[0]["DocumentName"] == "AWS-StartPortForwardingSession"


def test_much_passes_in_both_directions(ferryman: Ferryman, website: int, curl: Curl, tmp_path: Path) -> None:
    data = os.urandom(20_000_000)
    (tmp_path / "body").write_bytes(data)
    with forward(ferryman, website) as (_, port):
        url = f"http://127.0.0.1:{port}"
        posted = curl("--data-binary", f"@{tmp_path / 'body'}", f"{url}/")
        assert posted.stdout.decode() == hashlib.sha256(data).hexdigest()
        assert curl(f"{url}/20000000").stdout == bytes(20_000_000)


def test_a_closed_port_is_reported_immediately_and_the_session_stays_open(
    ferryman: Ferryman, website: int, curl: Curl
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = unused.getsockname()[1]
        with forward(ferryman, nobody) as (process, port):
            statuses: list[int] = []
            took = seconds_of(lambda: statuses.append(curl(f"http://127.0.0.1:{port}/", check=False).returncode))
            assert took < AT_ONCE * program_start()
            # Reset while receiving, before curl has looked at its new connection, or before it has sent its request.
            assert statuses[0] in (56, 7, 55)
            unused.listen()
            with socket.create_connection(("127.0.0.1", int(port)), timeout=PATIENCE) as client:
                accepted, _ = unused.accept()
                client.sendall(b"now\n")
                assert accepted.recv(4) == b"now\n"
                client.shutdown(socket.SHUT_WR)
                assert accepted.recv(1) == b""
                accepted.sendall(b"later")
                accepted.close()
                assert client.recv(5) == b"later"
            assert process.poll() is None


def test_a_busy_local_port_is_an_error(ferryman: Ferryman, website: int) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        parameters = f"portNumber={website},localPortNumber={port}"
        done = ferryman.aws(
            *("ssm", "start-session", "--target", ferryman.node_id),
            *("--document-name", "AWS-StartPortForwardingSession", "--parameters", parameters),
            check=False,
        )
    assert done.returncode == 255  # the AWS CLI's word for a plugin that failed
    assert f"listen tcp 127.0.0.1:{port}: bind: address already in use" in done.stderr


def test_another_host_can_be_named(ferryman: Ferryman, website: int, curl: Curl) -> None:
    document = "AWS-StartPortForwardingSessionToRemoteHost"
    with forwarded(ferryman, document, f"host=127.0.0.1,portNumber={website},localPortNumber=0") as (_, port):
        assert curl(f"http://127.0.0.1:{port}/5").stdout == bytes(5)


def test_a_unix_socket_replaces_a_local_port(ferryman: Ferryman, website: int, curl: Curl, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    document = "AWS-StartPortForwardingSessionToSocket"
    with forwarded(ferryman, document, f"portNumber={website},localUnixSocket={path}") as (_, name):
        assert name == str(path)
        assert curl("--unix-socket", str(path), "http://website/7").stdout == bytes(7)
    assert not path.exists()
