"""A recording in the console: wherever a person goes in it, its screen shows all that was shown until then."""

from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.console_page import ConsolePage, OpenConsole
from tests.e2e.demo import Ferryman
from tests.e2e.shell import Shell

OUTPUTS = ("one-1", "two-2", "three-3", "four-4")
"""What the recorded shell shows, a second apart; no line that was typed has them."""


@dataclass(frozen=True)
class Recorded:
    """A recorded shell."""

    session_id: str
    seconds: dict[str, float]
    """When each of the outputs was shown, since the recording began."""

    def open(self, console: ConsolePage, query: str = "") -> Page:
        """Show it, where it begins or as the address says; it does not play."""
        console.go(f"recordings/{self.session_id}{query}")
        expect(console.page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        return console.page


@pytest.fixture(scope="module")
def recorded(ferryman: Ferryman, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    shell = Shell(ferryman, tmp_path_factory.mktemp("recorded") / "complaints")
    session_id = shell.session_id()
    shell.prompt()
    for number, output in enumerate(OUTPUTS, start=1):
        shell.run(f"sleep 1; echo {output[:-1]}$(({number}))", output)
    shell.child.send(b"exit\n")
    assert shell.end() == 0
    events = ferryman.asciicast(session_id)
    return Recorded(
        session_id,
        {output: next(at for at, kind, text in events if kind == "o" and output in text) for output in OUTPUTS},
    )


def expect_screen(page: Page, *outputs: str) -> None:
    """The recorded screen shows these outputs, and none of the others."""
    screen = page.get_by_role("group", name="Recorded screen").locator("pre")
    for output in OUTPUTS:
        expect(screen.get_by_text(output)).to_be_visible(visible=output in outputs)


def line(page: Page, output: str) -> None:
    """Go to a line of the text."""
    page.get_by_role("region", name="Text").get_by_role("button", name=output).click()


def test_screen_is_whole_wherever_a_person_goes(
    ferryman: Ferryman, open_console: OpenConsole, recorded: Recorded
) -> None:
    page = recorded.open(open_console(ferryman))
    for output in ("four-4", "two-2", "three-3", "one-1"):
        line(page, output)
        expect_screen(page, *OUTPUTS[: OUTPUTS.index(output) + 1])


def test_screen_is_whole_after_a_link_to_a_moment(
    ferryman: Ferryman, open_console: OpenConsole, recorded: Recorded
) -> None:
    console = open_console(ferryman)
    link = f"?t={recorded.seconds['two-2'] + 0.1:.3f}"
    page = recorded.open(console, link)
    expect_screen(page, "one-1", "two-2")
    line(page, "three-3")
    expect_screen(page, "one-1", "two-2", "three-3")

    console.go("")
    recorded.open(console, link)
    page.get_by_label("Skip idle time").uncheck()
    expect_screen(page, "one-1", "two-2")
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_label("Speed").select_option("0.5×")
    expect_screen(page, *OUTPUTS)


def test_recording_plays_from_its_beginning_and_again(
    ferryman: Ferryman, open_console: OpenConsole, recorded: Recorded
) -> None:
    page = recorded.open(open_console(ferryman))
    page.get_by_label("Speed").select_option("16×")
    for _ in range(2):
        page.get_by_role("button", name="Play", exact=True).click()
        expect(page.get_by_role("button", name="Pause", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
        expect_screen(page, *OUTPUTS)


def test_recording_that_is_left_as_it_starts_to_play_complains_of_nothing(
    ferryman: Ferryman, open_console: OpenConsole, recorded: Recorded
) -> None:
    console = open_console(ferryman)
    page = recorded.open(console)
    expect(page.get_by_role("group", name="Recorded screen").locator("pre")).to_be_visible()
    page.evaluate("""() => {
      document.querySelector('button[aria-label=Play]').click();
      history.pushState(null, '', '/console/nodes');
      dispatchEvent(new PopStateEvent('popstate'));
    }""")
    expect(page.get_by_role("heading", name="Nodes", level=1)).to_be_visible()
    assert console.errors == []
