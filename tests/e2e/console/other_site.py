"""A page of somebody else, on another port of this machine: to a browser it is the same site, and another origin."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ATTACK = """async (console_) => {
  const outcome = {};
  const calls = { method: 'POST', credentials: 'include', body: JSON.stringify({ UserName: 'mallory' }) };
  const user = `${console_}api/iam/CreateUser`;
  const answered = () => 'answered';
  const refused = () => 'refused';
  outcome.simple = await fetch(user, { ...calls, mode: 'no-cors' }).then(answered, refused);
  const headers = { 'Content-Type': 'application/json', 'X-Ferryman-Console': '1' };
  outcome.asConsole = await fetch(user, { ...calls, headers }).then(answered, refused);
  outcome.read = await fetch(`${console_}api/me`, { credentials: 'include' }).then(answered, refused);
  const opened = (source) => new Promise((done) => {
    source.onopen = () => done('open');
    source.onerror = () => done('refused');
  });
  outcome.events = await opened(new EventSource(`${console_}api/events`, { withCredentials: true }));
  const channel = new URL('/v1/data-channel/admin-0123456789abcdef0', console_.replace('http', 'ws'));
  outcome.socket = await opened(new WebSocket(channel));
  const frame = document.createElement('iframe');
  frame.name = 'framed';
  document.body.append(frame);
  const form = Object.assign(document.createElement('form'), {
    action: `${console_}api/sign-out`, method: 'post', enctype: 'text/plain', target: 'framed',
  });
  form.append(Object.assign(document.createElement('input'), { name: '{"a":"', value: '"}' }));
  document.body.append(form);
  const loaded = () => new Promise((done) => (frame.onload = done));
  const submitted = loaded();
  form.submit();
  await submitted;
  const framed = loaded();
  frame.src = console_;
  await framed;
  return outcome;
}"""
"""What such a page can try with the cookie of the browser's console: every way to call, read, listen and frame."""
REFUSED = {"simple": "refused", "asConsole": "refused", "read": "refused", "events": "refused", "socket": "refused"}


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another site</title><body>")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def other_site() -> Iterator[str]:
    """Serve the page until the end of the context: its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
