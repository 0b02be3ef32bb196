"""Every screen, light and dark, on a desk and on a phone: accessible, drawn without shifts, and pictured for the docs.

`FERRYMAN_TEST_PICTURES=1` writes the pictures of the documentation anew, to `docs/pictures/console/`.
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ferryman.core.audit.lookup import UNSEARCHED
from tests.console_build import ROOT, STATIC
from tests.e2e.console.console_page import ConsolePage, OpenConsole, new_context
from tests.e2e.console.held_requests import intercept
from tests.e2e.demo import Ferryman
from tests.waiting import wait_until

AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "docs" / "pictures" / "console"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 800}
FIRST_LOAD_BYTES = 250_000
"""Compressed, before a terminal or a player is opened."""
BY_COLOUR = ("color-contrast", "link-in-text-block")
"""The rules of axe that depend on the theme; the others are asked once."""
LAYOUT_SHIFT = 0.05
"""What Web Vitals count as good is 0.1 for a whole visit."""
LABELS_OF_NOTHING = """() => [...document.querySelectorAll('main td[data-label]:not([data-label=""])')]
  .filter((cell) => cell.checkVisibility() && /^[ \\n]*$/.test(cell.textContent)).map((cell) => cell.dataset.label)"""
"""The labels of a card's lines that have no text; a hard space stands for tags that are being fetched."""
NARROW_ROWS = """() => [...document.querySelectorAll('main tr')]
  .filter((row) => row.checkVisibility() && row.clientWidth < row.closest('table').clientWidth - 2)
  .map((row) => row.textContent.trim().slice(0, 40))"""
"""The rows of tables that are narrower than the table."""
TO_WEBP = """async png => {
  const image = await createImageBitmap(await (await fetch('data:image/png;base64,' + png)).blob());
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext('2d').drawImage(image, 0, 0);
  const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.9 });
  return btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
}"""


@dataclass(frozen=True)
class Stage:
    """A console with something to see on every screen."""

    console: ConsolePage
    node_id: str
    session_id: str
    """Of a session that is over, and recorded."""
    key_id: str
    active_id: str = ""

    @property
    def screens(self) -> dict[str, str]:
        return {
            "overview": "",
            "nodes": "nodes",
            "node": f"nodes/{self.node_id}",
            "sessions": "sessions",
            "history": "sessions?state=History",
            "session": f"sessions/{self.session_id}",
            "watch": f"sessions/{self.active_id}/watch",
            "recording": f"recordings/{self.session_id}?find=hello",
            "search": "search?q=hello",
            "access-requests": "access-requests",
            "audit": "audit",
            "people": "people",
            "user": "people/users/admin",
            "policy": "people/policies/FerrymanAdministrator",
            "explain": "people/explain",
            "keys": "keys",
            "key": f"keys/{self.key_id}",
            "preferences": "preferences",
            "preferences-json": "preferences?view=json",
            "missing": "no-such-screen",
        }

    def with_shell(self, running: Ferryman) -> "Stage":
        """Open a shell that shows something, and return the stage on which it can be watched."""
        before = {each["SessionId"] for each in running.active_sessions()}
        shell = self.console.connect()
        shell.run("export PS1='alice@web-1:~$ '; clear; uname -o; ls /usr")
        shell.shows("GNU/Linux")
        (active,) = {each["SessionId"] for each in running.active_sessions()} - before
        return replace(self, active_id=active)

    def show(self, screen: str) -> Page:
        """Go to a screen and wait until it is whole."""
        page = self.console.page
        self.console.go(self.screens[screen])
        expect(page.locator("main h1:visible")).to_have_count(1)
        expect(page.locator("main [aria-busy=true]:visible")).to_have_count(0)
        if screen == "recording":
            expect(page.locator(".ap-terminal, .ap-term").first).to_be_visible()
        return page


@pytest.fixture(scope="module")
def stage(ferryman: Ferryman, chromium: Browser) -> Iterator[Stage]:
    tags = [{"Key": "Name", "Value": "web-1"}, {"Key": "Environment", "Value": "Production"}]
    ferryman.client("ssm").add_tags_to_resource(ResourceType="ManagedInstance", ResourceId=ferryman.node_id, Tags=tags)
    console = ConsolePage(ferryman, new_context(chromium, ferryman))
    console.sign_in()
    before = {each["SessionId"] for each in ferryman.active_sessions()}
    shell = console.connect()
    (ended,) = {each["SessionId"] for each in ferryman.active_sessions()} - before
    shell.run("export PS1='alice@web-1:~$ '; clear; echo hello from the browser; ls -d /usr/*; exit")
    expect(console.page.get_by_text("The shell has ended with exit code 0.")).to_be_visible()
    console.page.get_by_role("button", name="Close", exact=True).click()
    wait_until(lambda: b"hello" in ferryman.recording(ended))
    key_id = ferryman.client("kms").create_key(Description="of the tests of screens")["KeyMetadata"]["KeyId"]
    yield Stage(console, ferryman.node_id, ended, key_id)
    ferryman.client("kms").schedule_key_deletion(KeyId=key_id, PendingWindowInDays=7)
    console.context.close()
    assert console.errors == []


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds, with the place, by all of its rules or by some."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found: list[dict[str, Any]] = page.evaluate(
        "options => axe.run(document, options).then(found => found.violations)", options
    )
    return [f"{each['id']}: {json.dumps([node['target'] for node in each['nodes']])}" for each in found]


def picture(page: Page, name: str) -> None:
    """Write a picture for the docs, if that is asked for."""
    if not os.environ.get("FERRYMAN_TEST_PICTURES"):
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    png = base64.b64encode(page.screenshot()).decode()
    blank = page.context.new_page()
    (PICTURES / f"{name}.webp").write_bytes(base64.b64decode(blank.evaluate(TO_WEBP, png)))
    blank.close()


def problems_of_recording_on_a_phone(page: Page) -> dict[str, list[str]]:
    """The recorded screen is larger than the phone, so that it can be read; what plays it stays in view."""
    recorded = page.get_by_role("group", name="Recorded screen")
    wait_until(lambda: recorded.evaluate("place => place.scrollWidth > 1.5 * place.clientWidth"))
    for place in (recorded, page.get_by_label("Find in the text")):
        place.evaluate("place => place.scrollIntoView({ block: 'start' })")
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_in_viewport(ratio=1)
    problems = violations(page)
    page.get_by_label("Whole screen").check()
    wait_until(lambda: recorded.evaluate("place => place.scrollWidth <= place.clientWidth"))
    page.get_by_label("Whole screen").uncheck()
    return {"recording, phone": problems} if problems else {}


def name_unsearched_trail(route: Route) -> None:
    """Put the event before the server's own answer that begins it when another server does not answer."""
    response = route.fetch()
    answer = response.json()
    record = {"eventName": UNSEARCHED, "serviceEventDetails": {"servers": {"server-2": "it is not running"}}}
    event = {"EventId": "unsearched", "EventName": UNSEARCHED, "CloudTrailEvent": json.dumps(record)}
    route.fulfill(response=response, json=answer | {"Events": [event, *answer["Events"]]})


def test_every_screen_is_accessible_and_fits(stage: Stage, ferryman: Ferryman) -> None:
    stage = stage.with_shell(ferryman)
    page = stage.console.page
    found: dict[str, list[str]] = {}
    page.evaluate(AXE.read_text())
    for screen in stage.screens:
        stage.show(screen)
        for scheme, rules in (("light", ()), ("dark", BY_COLOUR)):
            page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
            expect(page.locator(f":root[data-theme={scheme}]")).to_be_attached()
            if problems := violations(page, *rules):
                found[f"{screen}, {scheme}"] = problems
            if screen in ("overview", "nodes", "recording") and scheme == "light":
                if screen == "recording":
                    page.get_by_role("button", name="hello from the browser").last.click()
                    expect(page.locator("pre").get_by_text("hello from the browser")).to_be_visible()
                picture(page, f"{screen}-{scheme}")
        page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            found[f"{screen}, phone"] = [f"{width} pixels wide"]
        if labels := page.evaluate(LABELS_OF_NOTHING):
            found[f"{screen}, cards"] = labels
        if screen == "recording":
            found |= problems_of_recording_on_a_phone(page)
        page.set_viewport_size({"width": DESK["width"], "height": DESK["height"]})
        if narrow := page.evaluate(NARROW_ROWS):
            found[f"{screen}, rows"] = narrow
    assert found == {}


def test_terminals_and_dialogs_are_accessible(stage: Stage, ferryman: Ferryman) -> None:
    page = stage.with_shell(ferryman).console.page
    found: dict[str, list[str]] = {}
    page.evaluate(AXE.read_text())
    stage.console.go("terminal")
    expect(page.locator(".pane:visible")).not_to_have_count(0)
    page.get_by_role("button", name="Split side by side").click()
    expect(page.locator(".pane:visible")).to_have_count(2)
    shell = stage.console.pane()
    shell.run("export PS1='alice@web-1:~$ '; clear; cat /etc/os-release")
    shell.shows("NAME=")
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        expect(page.locator(f":root[data-theme={scheme}]")).to_be_attached()
        if problems := violations(page):
            found[f"terminal, {scheme}"] = problems
        if scheme == "dark":
            picture(page, "terminal-dark")
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    keys = page.get_by_role("toolbar", name="Keys")
    if problems := violations(page):
        found["keys"] = problems
    shell.run("cat > /dev/null")
    keys.get_by_role("button", name="Ctrl").click()
    expect(shell.place.locator("textarea")).to_be_focused()
    page.keyboard.press("c")
    shell.run("clear; echo interrupted-$((40 + 2))")
    shell.shows("interrupted-42")
    keys.get_by_role("button", name="Up").click()
    page.keyboard.press("End")
    page.evaluate("navigator.clipboard.writeText('; echo pasted-$((40 + 3))')")
    keys.get_by_role("button", name="Paste").click()
    shell.shows("pasted-$(")
    page.keyboard.press("Enter")
    shell.shows("pasted-43")
    page.set_viewport_size({"width": DESK["width"], "height": DESK["height"]})
    expect(keys).to_be_hidden()
    intercept(page, "**/cloudtrail/LookupEvents", name_unsearched_trail)
    stage.console.go("audit")
    missing = page.get_by_role("status").filter(has_text="Entries are missing")
    expect(missing).to_contain_text("server-2: it is not running")
    assert page.get_by_role("row").filter(has_text=UNSEARCHED).count() == 0
    if problems := violations(page):
        found["unsearched"] = problems
    page.unroute("**/cloudtrail/LookupEvents")
    missing.get_by_role("button", name="Search again").click()
    expect(missing).to_be_hidden()
    stage.console.go("nodes")
    page.get_by_role("button", name="Connect to").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    if problems := violations(page):
        found["connect"] = problems
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard shortcuts")).to_be_visible()
    page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    if problems := violations(page):
        found["shortcuts"] = problems
    page.set_viewport_size({"width": DESK["width"], "height": DESK["height"]})
    page.keyboard.press("Escape")
    page.emulate_media(color_scheme="light")
    assert found == {}


def test_recording_is_played_searched_linked_and_saved(stage: Stage) -> None:
    page = stage.show("search")
    found = page.get_by_role("link", name="hello from the browser").first

    def is_found() -> bool:
        page.get_by_role("main").get_by_role("button", name="Search", exact=True).click()
        expect(page.locator("main [aria-busy=true]:visible")).to_have_count(0)
        return found.is_visible()

    wait_until(is_found)  # a recording is indexed a few seconds after its session
    found.click()
    expect(page.get_by_text("Verified to")).to_be_visible()
    expect(page.locator("mark").first).to_have_text("hello")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator(".ap-terminal, .ap-term").first).to_contain_text("hello from the browser")
    page.get_by_role("button", name="Copy link to this second").click()
    wait_until(lambda: "t=" in page.evaluate("navigator.clipboard.readText()"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download text").click()
    assert "hello from the browser" in Path(download.value.path()).read_text()


def test_session_is_watched_and_ended(stage: Stage, ferryman: Ferryman) -> None:
    stage = stage.with_shell(ferryman)
    page = stage.show("watch")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.locator("main .xterm-rows:visible")).to_contain_text("GNU/Linux")
    expect(page.get_by_text("is told that you watch")).to_be_visible()
    stage.console.go("terminal")
    watched = re.compile("(now|no longer) watches this session|stopped watching")
    expect(page.locator(".pane:visible").get_by_text(watched)).to_be_visible()
    stage.show("sessions")
    page.get_by_role("button", name="End all that match").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile(r"End \d+ session")).click()
    wait_until(ferryman.has_no_sessions)
    stage.console.go("terminal")
    expect(page.locator(".pane:visible").get_by_text("The session was ended").first).to_be_visible()


def test_first_load_is_small_and_nothing_moves(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman, signed_in=False)
    page = console.page
    loaded: list[str] = []
    page.on("response", lambda response: loaded.append(response.url) if "/assets/" in response.url else None)
    console.sign_in()
    sizes = [
        (STATIC / "assets" / url.rpartition("/")[2]).with_suffix(f".{url.rpartition('.')[2]}.gz").stat().st_size
        for url in set(loaded)
    ]
    assert 0 < sum(sizes) < FIRST_LOAD_BYTES
    page.goto(f"{console.url}nodes")
    expect(page.get_by_role("row")).not_to_have_count(0)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    shift = page.evaluate(
        "() => new Promise(done => new PerformanceObserver(list => done(list.getEntries()"
        ".reduce((sum, each) => sum + each.value, 0))).observe({ type: 'layout-shift', buffered: true })"
        " || setTimeout(() => done(0), 500))"
    )
    assert shift < LAYOUT_SHIFT


def test_keyboard_alone_reaches_a_shell(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    console.press_chord("g", "n", "nodes")
    expect(page.get_by_role("heading", name="Nodes", level=1)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(ferryman.node_id)
    expect(page).to_have_url(re.compile(ferryman.node_id))
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    expect(page.get_by_role("row")).to_have_count(2)
    for _ in range(12):
        page.keyboard.press("Tab")
        focused = page.evaluate("document.activeElement.getAttribute('aria-label') || ''")
        assert page.evaluate("document.activeElement.matches(':focus-visible')")
        if focused.startswith("Connect to"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Enter")
    shell = console.pane()
    shell.run("echo by-keyboard")
    shell.shows("by-keyboard")
    page.keyboard.press("Control+Shift+ArrowUp")
    expect(page.get_by_role("tab")).to_be_focused()
