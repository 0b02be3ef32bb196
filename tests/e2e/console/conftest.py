"""One Chromium for each module of tests of the console, and the shared demo's console in it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.console_build import console_files
from tests.e2e.console.console_page import ConsolePage, OpenConsole, new_context
from tests.e2e.demo import Ferryman

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium(program: Callable[[str], str]) -> Iterator[Browser]:
    """Debian's Chromium, without a window and with a profile of its own.

    While it is open, playwright's event loop runs in this thread: other modules' asynchronous tests could not.
    """
    executable = program("chromium")
    console_files()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_console(chromium: Browser, tmp_path: Path) -> Iterator[OpenConsole]:
    """Open consoles in browsers of their own, each without cookies; a script that fails fails the test."""
    opened: list[ConsolePage] = []

    def open_(
        running: Ferryman, *, width: int = 1280, height: int = 800, dark: bool = False, signed_in: bool = True
    ) -> ConsolePage:
        context = new_context(chromium, running, width=width, height=height, dark=dark)
        page = ConsolePage(running, context)
        opened.append(page)
        if signed_in:
            page.sign_in()
        return page

    yield open_
    for each in opened:
        each.context.close()
    assert [error for each in opened for error in each.errors] == []
