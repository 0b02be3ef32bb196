"""The web console in Debian's Chromium, for benchmarks of what a person sees in it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page, sync_playwright

from benchmarks.sessions.echo import Ferryman

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
WAIT_MILLISECONDS = 120_000


class NoBrowser(Exception):
    """Chromium is not installed."""


@contextmanager
def console(ferryman: Ferryman) -> Iterator[Page]:
    """Open the console of a demo, signed in by its access key. Raises `NoBrowser`."""
    executable = shutil.which("chromium")
    if executable is None:
        raise NoBrowser("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(WAIT_MILLISECONDS)
        page.goto(f"{ferryman.facts['endpoint_url']}/console/")
        page.get_by_label("Access key ID").fill(ferryman.facts["access_key_id"])
        page.get_by_label("Secret access key").fill(ferryman.facts["secret_access_key"])
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.get_by_role("heading", name="Overview").wait_for()
        yield page
        browser.close()


def go(page: Page, path: str) -> None:
    """Go to a screen by its address below the console's path, as a link does."""
    page.evaluate(
        "address => { history.pushState(null, '', address); dispatchEvent(new PopStateEvent('popstate')) }",
        f"/console/{path}",
    )
