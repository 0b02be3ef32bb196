"""The packaged configurations of load balancers, by the real programs, in front of servers that say who they are."""

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.balancers import FILES, NAMES, running_balancer
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until

SESSIONS = [f"admin-{number:017x}" for number in range(24)]


class _Server(BaseHTTPRequestHandler):
    """Answers everything with its port, and with the path and the headers that it got, and closes the connection."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, port = self.connection.getsockname()
        body = json.dumps({"port": port, "path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def servers() -> Iterator[dict[int, ThreadingHTTPServer]]:
    """Three, by port."""
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), _Server)) for _ in NAMES]
        for each in started:
            threading.Thread(target=each.serve_forever, daemon=True).start()
        yield {each.server_address[1]: each for each in started}
        for each in started:
            each.shutdown()


@pytest.fixture(params=list(FILES))
def balancer(
    request: pytest.FixtureRequest,
    servers: dict[int, ThreadingHTTPServer],
    program: Callable[[str], str],
    tmp_path: Path,
) -> Iterator[int]:
    """A balancer's port."""
    name: str = request.param
    found = os.environ.get("FERRYMAN_TEST_ENVOY") or shutil.which(name) if name == "envoy" else program(name)
    if not found:
        pytest.skip("Envoy is not installed, and FERRYMAN_TEST_ENVOY names none")
    port = free_port()
    with running_balancer(found, tmp_path, port, list(servers)):
        wait_until(lambda: set(servers) == {ask(port, "POST", "/")["port"] for _ in range(24)})
        yield port


def ask(port: int, method: str, path: str, headers: dict[str, str] | None = None) -> Any:
    """The answer of the server that the balancer chose; none if there was none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, b"{}" if method == "POST" else None, headers or {})
        answer = connection.getresponse()
        text = answer.read()
        return json.loads(text) if answer.status == 200 else {"port": None}
    finally:
        connection.close()


def reached(port: int, session: str) -> tuple[int, ...]:
    """Where the agent's call, its data channel and the client's data channel go."""
    path = f"/v1/data-channel/{session}"
    asked = (("POST", path), ("GET", f"{path}?role=publish_subscribe"), ("GET", f"{path}?role=subscribe"))
    return tuple(ask(port, *each)["port"] for each in asked)


def distributed(port: int, servers: set[int]) -> dict[str, tuple[int, ...]] | None:
    """Where everything of each session goes, if that is one server for each, and every server for some.

    It is not while a balancer believes that a server is gone, because the busy machine answered its check too late.
    """
    homes = {session: reached(port, session) for session in SESSIONS}
    one_each = all(len(set(ports)) == 1 for ports in homes.values())
    return homes if one_each and {ports[0] for ports in homes.values()} == servers else None


def test_both_ends_of_a_session_reach_one_server(balancer: int, servers: dict[int, ThreadingHTTPServer]) -> None:
    homes = wait_until(lambda: distributed(balancer, set(servers)))
    answer = ask(balancer, "GET", "/v1/data-channel/a%2Bb%40c?x=%2F", {"Host": "sessions.example.com:8443"})
    assert answer["path"] == "/v1/data-channel/a%2Bb%40c?x=%2F", "calls are signed with it"
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert headers["host"] == "sessions.example.com:8443"
    assert ip_address(headers["x-forwarded-for"])  # Envoy has another address of this machine than 127.0.0.1

    lost = homes[SESSIONS[0]][0]
    servers[lost].shutdown()
    servers[lost].server_close()
    after = {session: reached(balancer, session) for session in SESSIONS}
    assert all(lost not in ports and None not in ports for ports in after.values()), "nobody has to try twice"
    after = wait_until(lambda: distributed(balancer, set(servers) - {lost}))
    assert all(after[session] == ports for session, ports in homes.items() if lost not in ports), "the others stay"
