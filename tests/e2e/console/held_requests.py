"""Requests of a page that wait until a test says so: the answers come late, or in another order."""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page, Route

from tests.waiting import wait_until

PROBE = "/console/is-intercepted"


def intercept(page: Page, pattern: str, handler: Callable[[Route], object]) -> None:
    """Have `handler` answer requests of a page, from now on.

    Chromium lets a page that is there make requests as before for a moment, a long one on a busy machine.
    """
    page.route(pattern, handler)
    page.route(f"**{PROBE}", lambda route: route.fulfill(body="intercepted"))
    wait_until(lambda: page.evaluate("path => fetch(path).then(found => found.text())", PROBE) == "intercepted")


@dataclass
class HeldRequests:
    """The requests of a page whose addresses match `pattern`, from now on; a test lets them go one by one."""

    page: Page
    pattern: str
    waiting: list[Route] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        intercept(self.page, self.pattern, self._requested)

    def _requested(self, route: Route) -> None:
        if self.is_over:
            route.continue_()
        else:
            self.waiting.append(route)

    def wait(self, count: int = 1) -> None:
        """Wait until so many are held; the page's events come only while it is asked for something."""
        wait_until(lambda: self.page.evaluate("true") and len(self.waiting) >= count)

    def release(self, index: int = 0) -> None:
        """Let one go to the server."""
        self.waiting.pop(index).continue_()

    def fail(self, index: int = 0) -> None:
        """Let one end without an answer, as if the connection were lost."""
        self.waiting.pop(index).abort()

    def end(self) -> None:
        """Let everything that waits go, and hold nothing from now on."""
        self.is_over = True
        while self.waiting:
            self.release()
