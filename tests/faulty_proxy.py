"""An HTTP proxy in front of a real server that fails on demand: for destinations that are down, slow or throttled."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_PER_HOP = {"connection", "transfer-encoding", "content-length", "date", "server"}


@dataclass
class Fault:
    """The fault of requests whose target or `X-Amz-Target` contains `about`, at most `times` times.

    Without `status` the connection is closed without an answer: before the request is passed on, or `after`.
    """

    about: str = ""
    status: int | None = None
    body: str = ""
    times: int = 1_000_000
    after: bool = False
    met: int = 0


@dataclass
class FaultyProxy:
    """A running proxy. `requests` are the methods and targets of all requests so far."""

    url: str
    fault: Fault | None = None
    requests: list[str] = field(default_factory=list)

    def acquire(self, request: str) -> Fault | None:
        """Return the fault for a request, and count its use."""
        self.requests.append(request)
        fault = self.fault
        if fault is None or fault.about not in request or fault.met >= fault.times:
            return None
        fault.met += 1
        return fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyProxy
    host: str


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.server.proxy.acquire(f"{self.command} {self.path} {self.headers.get('X-Amz-Target', '')}".strip())
        if fault is not None and not fault.after:
            self.fail(fault)
            return
        connection = HTTPConnection(self.server.host)
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if fault is not None:
            self.fail(fault)
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _PER_HOP:
                self.send_header(name, value)
        self.reply(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = forward  # noqa: N815 the base class calls them so

    def fail(self, fault: Fault) -> None:
        if fault.status is None:
            self.close_connection = True
            return
        self.send_response(fault.status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.reply(fault.body.encode())

    def reply(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def faulty_proxy(url: str) -> Iterator[FaultyProxy]:
    """Run a proxy on a port of its own in front of the server at `url`."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.host = urlsplit(url).netloc
    server.proxy = FaultyProxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
