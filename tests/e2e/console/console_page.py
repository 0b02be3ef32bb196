"""The console in a browser, by what a person sees of it."""

import re
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from tests.e2e.demo import Ferryman
from tests.waiting import PATIENCE, wait_until

MILLISECONDS = 1000
PROMPT = re.compile(r"[#$]")
"""The end of a shell's prompt, root's or another person's: what is typed before it may be echoed twice."""
expect.set_options(timeout=PATIENCE * MILLISECONDS)


class OpenConsole(Protocol):
    """Opens the console of a running Ferryman."""

    def __call__(
        self, running: Ferryman, *, width: int = ..., height: int = ..., dark: bool = ..., signed_in: bool = ...
    ) -> "ConsolePage": ...


def new_context(
    browser: Browser, running: Ferryman, *, width: int = 1280, height: int = 800, dark: bool = False
) -> BrowserContext:
    """Open a browser window without cookies, which may use the clipboard."""
    scheme: Literal["dark", "light"] = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=str(running.facts["endpoint_url"]))
    return context


@dataclass
class ConsolePage:
    """One browser of one person; `page` is its tab."""

    running: Ferryman
    context: BrowserContext
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE * MILLISECONDS)
        self.page: Page = self.new_tab()

    @property
    def url(self) -> str:
        return f"{self.running.facts['endpoint_url']}/console/"

    def new_tab(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self.note_complaint)
        return page

    def note_complaint(self, message: ConsoleMessage) -> None:
        """Chromium's own complaints about a page, such as a header that it does not understand, fail the test."""
        if "Permissions-Policy" in message.text or "Content Security Policy" in message.text:
            self.errors.append(message.text)

    def sign_in(self) -> None:
        """Sign in by the access key of whoever `running` is."""
        self.page.goto(self.url)
        self.fill_in_key()
        expect(self.page.get_by_role("heading", name="Overview")).to_be_visible()

    def fill_in_key(self) -> None:
        self.page.get_by_label("Access key ID").fill(self.running.facts["access_key_id"])
        self.page.get_by_label("Secret access key").fill(self.running.facts["secret_access_key"])
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def go(self, path: str) -> None:
        """Go to a screen by its address below the console's path, as a link of it does."""
        self.page.evaluate(
            "address => { history.pushState(null, '', address); dispatchEvent(new PopStateEvent('popstate')) }",
            f"/console/{path}",
        )

    def press_chord(self, first: str, second: str, path: str) -> None:
        """Press two keys that go to a screen, again if the second came too late for the first."""

        def is_there() -> bool:
            self.page.keyboard.press(first)
            self.page.keyboard.press(second)
            return bool(self.page.evaluate("path => location.pathname === path", f"/console/{path}"))

        wait_until(is_there)

    def connect(self, node_id: str | None = None, document: str = "") -> "TerminalPane":
        """Open a shell on a node by the Connect button of its page; by the preferences unless a document is named."""
        self.start(node_id, document)
        return self.pane()

    def start(self, node_id: str | None = None, document: str = "") -> None:
        """As `connect`, for a shell that may not start."""
        self.go(f"nodes/{node_id or self.running.node_id}")
        self.page.get_by_role("button", name="Connect", exact=True).click()
        dialog = self.page.get_by_role("dialog")
        if document:
            dialog.get_by_label("Document").select_option(document)
        dialog.get_by_role("button", name="Connect", exact=True).click()

    def pane(self) -> "TerminalPane":
        """The terminal that is shown, once its shell has prompted."""
        pane = TerminalPane(self.page, self.page.locator(".pane.active:visible"))
        pane.shows(PROMPT)
        return pane


@dataclass
class TerminalPane:
    """One terminal."""

    page: Page
    place: Locator

    def type(self, text: str) -> None:
        self.place.locator("textarea").press_sequentially(text)

    def run(self, line: str) -> None:
        self.type(line)
        self.page.keyboard.press("Enter")

    def size(self, name: str) -> tuple[int, int]:
        """Rows and columns, as the node knows them; `name` tells the answers apart."""
        self.run(f'echo "{name}: $(stty size) cells"')
        pattern = re.compile(rf"{name}: (\d+) (\d+) cells")
        self.shows(pattern)
        found = pattern.search(self.text())
        assert found is not None
        return int(found[1]), int(found[2])

    def shows(self, text: str | re.Pattern[str]) -> None:
        """Wait until its screen shows `text`."""
        expect(self.place.locator(".xterm-rows")).to_contain_text(text)

    def scrollback(self) -> list[str]:
        """Every line that it has, also what has scrolled out of it, as a person copies them."""
        self.place.locator("textarea").focus()
        self.page.keyboard.press("Control+Shift+A")
        self.page.keyboard.press("Control+Shift+C")
        copied: str = self.page.evaluate("navigator.clipboard.readText()")
        return [line.rstrip() for line in copied.splitlines()]

    def text(self) -> str:
        """The rows that it shows, without what is right of the last character."""
        rows: list[Any] = self.place.locator(".xterm-rows > div").all_inner_texts()
        return "\n".join(str(row).replace("\xa0", " ").rstrip() for row in rows).rstrip()
