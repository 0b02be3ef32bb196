"""A shell in the browser: from signing in to a prompt, and what happens to it when the server goes away.

Also signing in at a provider, for which the server must be started again.
"""

import hashlib
import itertools
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.e2e.console.company_provider import company_provider
from tests.e2e.console.console_page import OpenConsole
from tests.e2e.demo import Ferryman
from tests.waiting import PATIENCE, wait_until

LINES = 4000
WITHOUT_FILES = "() => { window.showSaveFilePicker = undefined; }"
"""Most browsers cannot write to a file that a person chose."""
CHOOSE_A_FILE = """() => {
  window.showSaveFilePicker = async ({ suggestedName }) => {
    window.chosen_ = await (await navigator.storage.getDirectory()).getFileHandle(suggestedName, { create: true });
    return window.chosen_;
  };
}"""
"""In place of the dialog, which no test can operate: a file of the browser's own."""
DIGEST_OF_THE_FILE = """async () => {
  const digest = await crypto.subtle.digest('SHA-256', await (await window.chosen_.getFile()).arrayBuffer());
  const hexadecimal = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0'));
  return [window.chosen_.name, hexadecimal.join('')];
}"""
EMPTY_LINES = re.compile(r"~\s+~\s+~")
"""What vi draws once it reads keys; a prompt has one tilde only."""


@pytest.fixture(scope="module")
def module_ferryman(module_ferryman: Ferryman) -> Ferryman:
    """The module's demo, changed to record what it can: an encrypted session cannot be recorded."""
    configuration = Path(module_ferryman.facts["profile_dir"]).parent / "ferryman.toml"
    configuration.write_text(configuration.read_text().replace('mode = "required"', 'mode = "best-effort"'))
    kill_server(module_ferryman)
    wait_until(module_ferryman.is_connected)
    return module_ferryman


def kill_server(running: Ferryman) -> None:
    """The demo starts it again."""
    server = wait_until(running.server_process)
    server.kill()
    server.wait(PATIENCE)


def test_newcomer_finds_a_node_and_gets_a_shell(own_ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(own_ferryman)
    page = console.page
    page.get_by_role("button", name="Connect to demo").click()
    page.get_by_role("dialog").get_by_role("button", name="Connect", exact=True).click()
    shell = console.pane()  # in two clicks
    shell.run("exit")
    expect(page.get_by_text("The shell has ended with exit code 0.")).to_be_visible()
    page.get_by_role("button", name="Close", exact=True).click()

    page.get_by_role("link", name="Nodes", exact=True).first.click()
    page.get_by_label("Search nodes").fill("127.0.0")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page).to_have_url(re.compile("q=127"))
    page.get_by_role("button", name="Connect to").click()
    page.get_by_role("dialog").get_by_label("Reason").fill("a look around")
    page.get_by_role("dialog").get_by_role("button", name="Connect", exact=True).click()

    shell = console.pane()
    shell.run("echo $((6 * 7))-here")
    shell.shows("42-here")
    assert "a look around" in [each.get("Reason") for each in own_ferryman.active_sessions()]
    shell.run("exit 3")
    expect(page.get_by_text("The shell has ended with exit code 3.")).to_be_visible()


def test_editor_draws_and_follows_the_window(own_ferryman: Ferryman, open_console: OpenConsole, tmp_path: Path) -> None:
    console = open_console(own_ferryman)
    shell = console.connect()
    rows, columns = shell.size("first")
    written = tmp_path / "written.txt"
    shell.run(f"vi {written}; echo editor-$((40+2))")
    shell.shows(EMPTY_LINES)
    console.page.set_viewport_size({"width": 1000, "height": 600})
    shell.type("ihello from the browser")
    console.page.keyboard.press("Escape")
    shell.run(":wq")
    shell.shows("editor-42")
    assert written.read_text() == "hello from the browser\n"
    names = (f"size-{number}" for number in itertools.count())  # the node learns of it a moment later

    def is_smaller() -> bool:
        fewer_rows, fewer_columns = shell.size(next(names))
        return fewer_rows < rows and fewer_columns < columns

    wait_until(is_smaller)


def sessions_but(running: Ferryman, others: set[str]) -> set[str]:
    """The sessions that are not over, but others, such as those of earlier tests, some of which may be ending."""
    return {each["SessionId"] for each in running.active_sessions()} - others


def create_encrypted_document(running: Ferryman, name: str) -> str:
    """Create a document whose sessions are encrypted with a new key, and return the key's id."""
    key: str = running.client("kms").create_key()["KeyMetadata"]["KeyId"]
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"kmsKeyId": key}}
    running.client("ssm").create_document(Name=name, Content=json.dumps(content), DocumentType="Session")
    return key


def test_killed_server_comes_back_and_the_output_is_whole(own_ferryman: Ferryman, open_console: OpenConsole) -> None:
    key = create_encrypted_document(own_ferryman, "Sealed")
    others = {each["SessionId"] for each in own_ferryman.active_sessions()}
    console = open_console(own_ferryman)
    sealed = console.connect(document="Sealed")
    expect(sealed.place.get_by_text(f"Encrypted with {key}")).to_be_visible()
    (sealed_id,) = sessions_but(own_ferryman, others)
    sealed.run("echo sealed-$((6 * 7))")
    sealed.shows("sealed-42")
    shell = console.connect()
    shell.run(f"for i in $(seq {LINES}); do echo line-$i; [ $((i % 40)) = 0 ] && sleep 0.1; done; echo all-sent")
    shell.shows(re.compile(r"line-\d{3}"))
    kill_server(own_ferryman)
    expect(shell.place.get_by_text("The connection is lost.")).to_be_visible()
    shell.type("echo typed-meanwhile")  # kept until the server is back
    expect(console.page.get_by_text("The connection is lost.")).to_have_count(0)
    console.page.keyboard.press("Enter")
    shell.shows("all-sent")
    shell.shows("typed-meanwhile")
    assert re.findall(r"line-(\d+)", "\n".join(shell.scrollback())) == [str(each) for each in range(1, LINES + 1)]
    wait_until(own_ferryman.is_connected)

    console.page.get_by_role("tab", name="Encrypted:").click()
    sealed.run("echo again-$((6 * 7))")
    sealed.shows("again-42")
    console.go(f"sessions/{sealed_id}")
    expect(console.page.get_by_text(f"{key}, end to end")).to_be_visible()
    expect(console.page.get_by_role("link", name="Watch live")).to_have_count(0)
    own_ferryman.client("kms").disable_key(KeyId=key)
    console.start(document="Sealed")
    expect(console.page.get_by_text("GenerateDataKey was refused: DisabledException")).to_be_visible()
    expect(console.page.get_by_text("aws ssm start-session --target")).to_be_visible()


def test_terminal_moves_to_another_connection_when_its_own_falls_silent(
    own_ferryman: Ferryman, open_console: OpenConsole
) -> None:
    """As when the machine of its server loses power: nothing arrives, and nothing is closed."""
    console = open_console(own_ferryman)
    opened: list[WebSocketRoute] = []
    silent: list[WebSocketRoute] = []

    def pass_on(route: WebSocketRoute) -> None:
        opened.append(route)
        server = route.connect_to_server()
        route.on_message(lambda message: None if route in silent else server.send(message))
        server.on_message(lambda message: None if route in silent else route.send(message))

    console.page.route_web_socket("**/data-channel/**", pass_on)
    shell = console.connect()
    shell.run("echo before-$((40 + 2))")
    shell.shows("before-42")
    silent += opened
    shell.run("echo after-$((40 + 2))")
    shell.shows("after-42")
    assert len(opened) == len(silent) + 1
    expect(shell.place.get_by_text("The connection is lost.")).to_have_count(0)


def test_file_goes_to_the_node_and_comes_back(
    own_ferryman: Ferryman, open_console: OpenConsole, tmp_path: Path
) -> None:
    console = open_console(own_ferryman)
    page = console.page
    content = os.urandom(700_000)
    (tmp_path / "it's a file.bin").write_bytes(content)
    page.evaluate(WITHOUT_FILES)
    console.connect()
    create_encrypted_document(own_ferryman, "SSM-SessionManagerRunShell")  # the upload is encrypted, too
    page.get_by_role("button", name="Upload a file").click()
    page.get_by_label("File", exact=True).set_input_files(tmp_path / "it's a file.bin")
    page.get_by_label("Destination on the node").fill(f"{tmp_path}/there 1.bin")
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_text("verified by SHA-256")).to_be_visible()
    assert (tmp_path / "there 1.bin").read_bytes() == content
    page.get_by_role("button", name="Done").click()
    own_ferryman.client("ssm").delete_document(Name="SSM-SessionManagerRunShell")

    page.get_by_role("button", name="Download a file").click()
    page.get_by_label("Path on the node").fill(f"{tmp_path}/no such file")
    page.get_by_role("button", name="Download", exact=True).click()
    expect(page.get_by_text("no such file is not a file")).to_be_visible()
    page.get_by_label("Path on the node").fill(f"{tmp_path}/there 1.bin")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download", exact=True).click()
    fetched = Path(download.value.path()).read_bytes()
    assert hashlib.sha256(fetched).digest() == hashlib.sha256(content).digest()
    page.get_by_role("button", name="Done").click()

    page.evaluate(CHOOSE_A_FILE)
    page.get_by_role("button", name="Download a file").click()
    page.get_by_label("Path on the node").fill(f"{tmp_path}/there 1.bin")
    page.get_by_role("button", name="Download", exact=True).click()
    expect(page.get_by_text("verified by SHA-256")).to_be_visible()
    assert page.evaluate(DIGEST_OF_THE_FILE) == ["there 1.bin", hashlib.sha256(content).hexdigest()]
    reasons = [
        row.get("Reason", "") for row in own_ferryman.client("ssm").describe_sessions(State="History")["Sessions"]
    ]
    assert any(each.startswith("ferryman cp: download of") and "SHA-256" in each for each in reasons)


def test_tabs_and_splits_are_sessions_of_their_own(own_ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(own_ferryman)
    page = console.page
    others = {each["SessionId"] for each in own_ferryman.active_sessions()}
    console.connect().run("echo first-tab")
    console.pane().shows("first-tab")
    console.connect().run("echo second-tab")
    console.pane().shows("second-tab")
    page.get_by_role("button", name="Split side by side").click()
    expect(page.locator(".pane:visible")).to_have_count(2)
    console.pane().run("echo in-the-split")
    console.pane().shows("in-the-split")
    page.keyboard.press("Control+Shift+ArrowLeft")
    expect(console.pane().place.locator(".xterm-rows")).to_contain_text("first-tab")
    page.keyboard.press("Control+Shift+F")
    page.get_by_label("Find in this terminal").fill("first")
    expect(page.get_by_text(re.compile(r"\d of \d"))).to_be_visible()
    page.keyboard.press("Escape")
    assert len(sessions_but(own_ferryman, others)) == 3
    page.get_by_role("button", name="Close this terminal").click()
    expect(page.get_by_role("heading", name="End this session?")).to_be_visible()
    page.get_by_role("button", name="End and close").click()
    wait_until(lambda: len(sessions_but(own_ferryman, others)) == 2)
    expect(page.get_by_role("tab")).to_have_count(1)


def test_hostile_output_and_titles_are_text(own_ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(own_ferryman)
    page = console.page
    others = {each["SessionId"] for each in own_ferryman.active_sessions()}
    shell = console.connect()
    shell.run(r"printf '\033]0;<img src=x onerror=alert(1)>\342\200\256evil\007\033]52;c;ZXZpbA==\007<b>bold?</b>\n'")
    shell.shows("<b>bold?</b>")
    expect(page.get_by_role("tab", name=r"<img src=x onerror=alert(1)>\u202eevil")).to_be_visible()
    assert page.locator("img").count() == 0
    assert page.evaluate("navigator.clipboard.readText().catch(() => '')") != "evil"
    shell.run(r"printf '\033]8;;javascript:alert(1)\033\\click me\033]8;;\033\\\n'")
    shown = page.locator(".xterm-rows:visible").get_by_text("click me", exact=True)  # not what was typed
    expect(shown).to_be_visible()
    shown.click(force=True)
    assert len(console.context.pages) == 1

    (session,) = sessions_but(own_ferryman, others)
    console.go(f"sessions/{session}/watch")
    expect(page.locator("main .xterm-rows:visible")).to_contain_text("<b>bold?</b>")
    expect(shown).to_be_visible()
    shown.click(force=True)
    assert page.evaluate("navigator.clipboard.readText().catch(() => '')") != "evil"
    own_ferryman.client("ssm").terminate_session(SessionId=session)
    own_ferryman.recording(session)
    console.go(f"recordings/{session}")
    expect(page.get_by_text("<b>bold?</b>").first).to_be_visible()
    assert page.locator("main img, main a[href^=javascript]").count() == 0
    assert len(console.context.pages) == 1


def sign_in_at_the_provider(page: Page, who: str | None, alter: str = "") -> None:
    """Go to the provider's own page, with one parameter of its address altered, and authorize as `who`, or deny."""
    page.get_by_role("link", name="Continue with The Company").click()
    expect(page.get_by_role("heading", name="Authorize Client")).to_be_visible()
    if alter:
        page.goto(re.sub(f"{alter}=[^&]*", f"{alter}={'A' * 43}", page.url))
    if who is None:
        page.get_by_role("button", name="Deny").click()
    else:
        page.get_by_placeholder("sub").fill(who)
        page.get_by_role("button", name="Authorize").click()


def test_person_signs_in_at_a_provider_and_out(own_ferryman: Ferryman, open_console: OpenConsole) -> None:
    with company_provider(own_ferryman, admitted="shirley@example.com"):
        console = open_console(own_ferryman, signed_in=False)
        page, cookies, asked = console.page, list[Any](), list[str]()
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{console.url}sessions")
        page.get_by_role("link", name="Continue with The Company").click()
        expect(page.get_by_role("heading", name="Authorize Client")).to_be_visible()
        cookies += console.context.cookies()
        page.get_by_placeholder("sub").fill("shirley@example.com")
        page.get_by_role("button", name="Authorize").click()
        expect(page.get_by_role("heading", name="Sessions", level=1)).to_be_visible()
        expect(page.get_by_text("Role People")).to_be_visible()
        assert page.url == f"{console.url}sessions"

        others = own_ferryman.client("ssm").start_session(Target=own_ferryman.node_id)["SessionId"]
        expect(page.get_by_text(others)).to_be_visible()  # without reloading
        own_ferryman.client("ssm").terminate_session(SessionId=others)
        expect(page.get_by_text(others)).to_be_hidden()

        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("link", name="Continue with The Company")).to_be_visible()
        console.context.add_cookies(cookies)
        (answer,) = [each for each in asked if "/sign-in/callback?" in each]
        page.goto(answer)
        refused = page.get_by_role("alert")
        expect(refused).to_contain_text("The provider refused")  # the code was used before
        sign_in_at_the_provider(page, "mallory@example.com")
        expect(refused).to_contain_text("the role does not trust you")
        sign_in_at_the_provider(page, None)
        expect(refused).to_contain_text("You are not signed in")
        sign_in_at_the_provider(page, "shirley@example.com", alter="state")
        expect(refused).to_contain_text("went on in another browser")
        sign_in_at_the_provider(page, "shirley@example.com", alter="nonce")
        expect(refused).to_contain_text("The provider refused")
        expect(page).to_have_url(console.url)  # the reason is said once, and not kept in the address
        assert console.context.cookies() == []
        page.goto(f"{console.url}?signInError=constructor")
        expect(refused).to_contain_text("Signing in failed. Try again.")
        sign_in_at_the_provider(page, "shirley@example.com")
        expect(page.get_by_text("Role People")).to_be_visible()
