"""Requests of a page that wait until a test says so: the answers come late, or in another order."""

from dataclasses import dataclass, field

from playwright.sync_api import Page, Route

from tests.waiting import wait_until


@dataclass
class HeldRequests:
    """The requests of a page whose addresses match `pattern`, from now on; a test lets them go one by one."""

    page: Page
    pattern: str
    waiting: list[Route] = field(default_factory=list)
    is_over: bool = False

    def __post_init__(self) -> None:
        self.page.route(self.pattern, self._requested)

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
        """Hold no more, and let all go that wait."""
        self.is_over = True
        while self.waiting:
            self.release()
