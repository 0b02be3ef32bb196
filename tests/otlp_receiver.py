"""A collector on loopback: receives OTLP over HTTP, decodes the real protobuf, and keeps the spans."""

import contextlib
import gzip
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.waiting import PATIENCE


@dataclass(frozen=True)
class ReceivedSpan:
    """A span as the collector has it, its ids in hexadecimal. `server` is the instance that sent it."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    server: str
    began_at: int
    ended_at: int
    failed: bool
    attributes: Mapping[str, str | int]
    events: tuple[str, ...]


@dataclass
class Receiver:
    """What was received, and how requests are answered from now on."""

    port: int = 0
    status: int = 200
    held: threading.Event = field(default_factory=threading.Event)
    """Not set while the collector answers nobody."""
    requests: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[ReceivedSpan] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until(self, name: str, count: int = 1) -> list[ReceivedSpan]:
        """Wait until there are so many spans of a name, and return them."""
        with self.arrived:
            enough = self.arrived.wait_for(lambda: len(self.named(name)) >= count, PATIENCE)
            assert enough, f"no {name} among {sorted({each.name for each in self.spans})}"
            return self.named(name)

    def named(self, name: str) -> list[ReceivedSpan]:
        return [each for each in self.spans if each.name == name]

    def until_requests(self, count: int) -> None:
        with self.arrived:
            assert self.arrived.wait_for(lambda: self.requests >= count, PATIENCE)

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        assert path == "/v1/traces"
        assert headers["content-type"] == "application/x-protobuf"
        request = ExportTraceServiceRequest.FromString(
            gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
        )
        with self.arrived:
            self.requests += 1
            self.headers.append(dict(headers))
            if self.status == 200:
                self.spans += _spans(request)
            self.arrived.notify_all()


def _spans(request: ExportTraceServiceRequest) -> Iterator[ReceivedSpan]:
    for resource in request.resource_spans:
        named = {each.key: each.value.string_value for each in resource.resource.attributes}
        assert named["service.name"] == "ferryman"
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield ReceivedSpan(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    named.get("service.instance.id", ""),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == span.status.STATUS_CODE_ERROR,
                    {
                        each.key: each.value.int_value if each.value.HasField("int_value") else each.value.string_value
                        for each in span.attributes
                    },
                    tuple(each.name for each in span.events),
                )


@contextlib.contextmanager
def running_receiver() -> Iterator[Receiver]:
    """Run a collector until the end of the context."""
    receiver = Receiver()
    receiver.held.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.take(self.path, {name.lower(): each for name, each in self.headers.items()}, body)
            receiver.held.wait(PATIENCE)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(receiver.status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        receiver.held.set()
        server.shutdown()
        thread.join()
        server.server_close()
