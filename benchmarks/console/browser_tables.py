"""The console's tables of 10,000 nodes and 100,000 sessions in Chromium: how soon rows are there, how they scroll.

A table appears when its rows are drawn: from the click on a link to the frame that has them. While the table scrolls by
the wheel, the time between two frames counts, beside that of a page that stands still: on a machine without a graphics
processor, frames are drawn by the processor.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from benchmarks.api import describe_sessions, node_listing
from benchmarks.console.chromium import NoBrowser, console, go
from benchmarks.measurement import Bar, Measurement
from benchmarks.sessions.echo import demo, quantile
from ferryman.model.sessions import SessionStatus
from ferryman.store.sessions.rows import STATUS_CODES

NODES, SESSIONS = 10_000, 100_000
VISITS = 15
APPEARS_BAR_MS = 300
FRAME_BAR_MS = 34
"""p95; two frames of a screen of 60 Hz."""
CPU_BAR_MS = 12
TURNS = 150
"""Turns of the wheel, of 240 pixels each: some 700 rows."""
ROWS_BAR = 250
"""Rows in the document, however many were loaded."""
ROW = "main table[aria-busy=false] a.name, main [aria-busy=false] > table a.name"
APPEARS = """([address, row]) => new Promise((done) => {
  const began = performance.now();
  history.pushState(null, '', address);
  dispatchEvent(new PopStateEvent('popstate'));
  const look = () => {
    if (document.querySelector(row) === null) requestAnimationFrame(look);
    else requestAnimationFrame(() => done(performance.now() - began));
  };
  look();
})"""
WATCH_FRAMES = """() => {
  window.frames_ = [];
  let last = performance.now();
  const frame = (now) => {
    if (window.frames_ === null) return;
    window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
FRAMES = "() => { const found = window.frames_; window.frames_ = null; return found; }"


def run() -> list[Measurement]:
    """Takes about a minute and a half."""
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory, demo(Path(directory)) as ferryman:
        (database,) = Path(directory).rglob("ferryman.db")
        fill(database)
        try:
            with console(ferryman) as page:
                return [
                    *_table(page, f"{NODES:,} nodes", "nodes"),
                    *_table(page, f"{SESSIONS:,} sessions", "sessions?state=History"),
                ]
        except NoBrowser as reason:
            return [Measurement("The console's tables", 0, "ms", note=str(reason))]


def fill(database: Path) -> None:
    """Add nodes and sessions to the database of a server that runs."""
    node_listing.load(database, NODES)
    describe_sessions.fill(database, _ended(SESSIONS))


def _ended(count: int) -> Iterator[tuple[object, ...]]:
    """Sessions of the last month, all over."""
    now = int(time.time() * 1000)
    for session_id, target, _, started_at, _, *others in describe_sessions.rows(count, now - 3_600_000):
        ended = STATUS_CODES[SessionStatus.TERMINATED], started_at, int(str(started_at)) + 600_000
        yield (session_id, target, *ended, *others)


def _table(page: Page, what: str, path: str) -> Iterator[Measurement]:
    took = list[float]()
    for _ in range(VISITS + 1):
        go(page, "no-such-screen")
        page.locator("main table").wait_for(state="detached")
        took.append(float(page.evaluate(APPEARS, [f"/console/{path}", ROW])))
    first, later = took[0], took[1:]
    note = f"slowest {max(later):.0f} ms; the first, which loads the screen, {first:.0f} ms"
    yield Measurement(
        f"{what}: a table appears, median",
        statistics.median(later),
        "ms",
        bar=Bar("value", at_most=APPEARS_BAR_MS),
        note=note,
    )
    still = _frames(page, 0)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = _main_thread(metrics)
    moving = _frames(page, TURNS)
    worked = (_main_thread(metrics) - before) / len(moving)
    rows = page.locator("main tbody tr").count()
    loaded = int(
        page.evaluate(
            "Math.max(0, ...[...document.querySelectorAll('tr[aria-rowindex]')].map((row) => +row.ariaRowIndex))"
        )
    )
    yield Measurement(
        f"{what}: time between frames while it scrolls, p95",
        quantile(moving, 0.95),
        "ms",
        peer="standing still, p95",
        peer_value=quantile(still, 0.95),
        bar=Bar("value", at_most=FRAME_BAR_MS),
        note=f"p50 {quantile(moving, 0.5):.1f} ms, longest {max(moving):.0f} ms, to row {loaded}",
    )
    yield Measurement(
        f"{what}: the page's processor time for a frame of those",
        worked,
        "ms",
        bar=Bar("value", at_most=CPU_BAR_MS),
        note="of the thread that runs the page, whatever else the machine does",
    )
    yield Measurement(f"{what}: rows in the document after that", rows, "rows", bar=Bar("value", at_most=ROWS_BAR))


def _main_thread(metrics: CDPSession) -> float:
    """Return the milliseconds of processor time that the page's main thread has used."""
    found = {each["name"]: each["value"] for each in metrics.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"]) * 1000


def _frames(page: Page, turns: int) -> list[float]:
    """Return the milliseconds between frames while the wheel turns so often, or for two seconds."""
    page.mouse.move(700, 500)
    page.evaluate(WATCH_FRAMES)
    for _ in range(turns):
        page.mouse.wheel(0, 240)
        page.wait_for_timeout(30)
    if not turns:
        page.wait_for_timeout(2000)
    return [float(each) for each in page.evaluate(FRAMES)][1:]
