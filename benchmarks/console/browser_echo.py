"""Keystroke echo in the console's terminal, in Chromium, beside the command-line client's: the same demo, in turns.

Both are typed to at the same pace. From the key's event in the page until the terminal's buffer has its echo, as for
the client until its terminal has it: when that is drawn is not counted for either. A bare WebSocket that sends each key
as a frame of the same size and gets it back, in an empty page, is what the browser itself needs.
"""

import asyncio
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web
from playwright.sync_api import Page

from benchmarks.console.chromium import NoBrowser, console, go
from benchmarks.measurement import Bar, Measurement
from benchmarks.sessions.echo import QUIET, Ferryman, Terminal, demo, opened, quantile

ROUNDS = 12
KEYS = 30
PAUSE_MS = 40
"""Between keystrokes, for both; fast typing is 60. Chromium holds back what arrives while a frame is due, that of the
echo before; and whoever waits that long between two keys finds caches cold and processors asleep."""
BAR = 1.5
"""The browser's p50 may be this many times the client's."""
SUM_BAR = 1.1
"""And so many times the client's and a bare WebSocket's together: the way to the node, and what the browser needs."""
FRAME_BYTES = 121
"""Of a message of one character."""
WATCH = f"""() => {{
  const took = (window.took_ = []), drawn = (window.drawn_ = []);
  let pressed = null, undrawn = null, place = '';
  window.echoes_ = 0;
  const cursor = () => document.activeElement.style.left + document.activeElement.style.top;
  document.addEventListener('keydown', () => {{
    pressed = undrawn = performance.now();
    place = cursor();
  }}, true);
  new MutationObserver(() => {{
    if (undrawn === null) return;
    drawn.push(performance.now() - undrawn);
    undrawn = null;
  }}).observe(document, {{ subtree: true, childList: true, characterData: true }});
  const {{ set }} = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage');
  Object.defineProperty(WebSocket.prototype, 'onmessage', {{
    set(handle) {{
      set.call(this, (event) => {{
        handle.call(this, event);
        const now = performance.now(), bytes = new Uint8Array(event.data);
        if (pressed === null || bytes.length !== {FRAME_BYTES} || bytes.at(-1) !== 0x78) return;
        if (place !== cursor()) took.push(now - pressed);
        pressed = null;
        window.echoes_ += 1;
      }});
    }},
  }});
}}"""
"""Notes how long echoes take. xterm.js moves its text field with the cursor: once that has moved, it has read the echo.
In the last column it does not move."""
BARE = f"""(address) => new Promise((done) => {{
  const took = (window.took_ = []), socket = new WebSocket(address);
  let pressed;
  window.echoes_ = 0;
  socket.binaryType = 'arraybuffer';
  socket.onopen = done;
  socket.onmessage = () => {{
    took.push(performance.now() - pressed);
    window.echoes_ += 1;
  }};
  document.addEventListener('keydown', (event) => {{
    event.preventDefault();
    pressed = performance.now();
    socket.send(new Uint8Array({FRAME_BYTES}));
  }});
}})"""


def run() -> list[Measurement]:
    """Takes about a minute."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        try:
            with (
                bare_echo() as bare,
                console(ferryman) as page,
                opened(ferryman.command(), ferryman.environment) as terminal,
            ):
                return _measure(ferryman, page, terminal, bare)
        except NoBrowser as reason:
            return [Measurement("Keystroke echo in the browser", 0, "ms", note=str(reason))]


def _measure(ferryman: Ferryman, page: Page, terminal: Terminal, address: str) -> list[Measurement]:
    terminal.prompt()
    os.write(terminal.fd, QUIET)
    terminal.read_until(lambda seen: b"ready-42\r\n" in seen)
    page.evaluate(WATCH)
    _open_shell(page, ferryman.facts["node_id"])
    client = list[float]()
    for number in range(ROUNDS + 1):
        for _ in range(KEYS):
            time.sleep(PAUSE_MS / 1000)
            seconds = terminal.key()
            if number:
                client.append(seconds * 1000)
        _type(page)
        if not number:  # the first round warms caches, and is not counted
            page.evaluate("() => { window.took_.length = window.drawn_.length = 0; }")
    browser, drawn = page.evaluate("window.took_"), page.evaluate("window.drawn_")
    empty = page.context.new_page()
    empty.evaluate(BARE, address)
    for _ in range(ROUNDS // 2):
        _type(empty)
    bare = empty.evaluate("window.took_")
    peer = quantile(client, 0.5)
    note = f"p90 {quantile(browser, 0.9):.1f} ms, the client's {quantile(client, 0.9):.1f} ms"
    return [
        Measurement(
            "Keystroke echo in the browser, p50",
            quantile(browser, 0.5),
            "ms",
            "client",
            peer,
            Bar("ratio", at_most=BAR),
            note,
        ),
        Measurement(
            "… beside the client and a bare WebSocket, p50",
            quantile(browser, 0.5),
            "ms",
            "both together",
            peer + quantile(bare, 0.5),
            Bar("ratio", at_most=SUM_BAR),
        ),
        Measurement("… and until it is drawn, p50", quantile(drawn, 0.5), "ms", note="frames are 17 ms apart"),
        Measurement(
            "A bare WebSocket's echo in the browser, p50",
            quantile(bare, 0.5),
            "ms",
            "client",
            peer,
            note=f"p90 {quantile(bare, 0.9):.1f} ms",
        ),
    ]


def _open_shell(page: Page, node_id: str) -> None:
    go(page, f"nodes/{node_id}")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Connect", exact=True).click()
    rows = page.locator(".pane.active .xterm-rows")
    rows.filter(has_text="#").or_(rows.filter(has_text="$")).wait_for()
    page.keyboard.type(QUIET.decode())
    rows.filter(has_text="ready-42").wait_for()


def _type(page: Page) -> None:
    for _ in range(KEYS):
        before = int(page.evaluate("window.echoes_"))
        page.keyboard.press("x")
        page.wait_for_timeout(PAUSE_MS)  # asking sooner would be in the way of the echo
        page.wait_for_function("before => window.echoes_ > before", arg=before)


@contextmanager
def bare_echo() -> Iterator[str]:
    """Run a WebSocket server that sends every message back; its address."""
    address = ""
    loop = asyncio.new_event_loop()

    async def echo(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            await socket.send_bytes(message.data)
        return socket

    async def serve() -> None:
        nonlocal address
        application = web.Application()
        application.router.add_get("/", echo)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        address = f"ws://{host}:{port}/"

    loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
