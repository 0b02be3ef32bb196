"""A shell in the browser: from signing in to a prompt, and what happens to it when the server goes away."""

from playwright.sync_api import expect

from tests.e2e.console.console_page import OpenConsole
from tests.e2e.demo import Ferryman


def test_newcomer_finds_a_node_and_gets_a_shell(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    page.get_by_role("link", name="Nodes", exact=True).first.click()
    page.get_by_label("Search nodes").fill(ferryman.node_id)
    expect(page.get_by_role("row")).to_have_count(2)
    page.get_by_role("button", name="Connect to").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a look around")
    page.get_by_role("dialog").get_by_role("button", name="Connect", exact=True).click()

    shell = console.pane()
    shell.run("echo $((6 * 7))-here")
    shell.shows("42-here")
    (session,) = ferryman.active_sessions()
    assert session["Reason"] == "a look around"
    shell.run("exit 3")
    expect(page.get_by_text("The shell has ended with exit code 3.")).to_be_visible()
