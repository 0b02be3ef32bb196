"""The console when answers come late or in another order, and when a person does not wait for them."""

import json
import re
from typing import Any

from playwright.sync_api import Page, Request, Route, WebSocketRoute, expect

from tests.e2e.console.console_page import OpenConsole
from tests.e2e.console.held_requests import HeldRequests, intercept
from tests.e2e.demo import Ferryman
from tests.waiting import wait_until

CALLS_OF_A_PAGE = 4
"""How often the Audit screen asks for a page before it shows that nothing was found yet."""


def calls(page: Page, operation: str) -> list[Any]:
    """The inputs of an operation's calls from now on, as the page makes them."""
    made: list[Any] = []

    def note(request: Request) -> None:
        if request.url.endswith(f"/{operation}"):
            made.append(request.post_data_json)

    page.on("request", note)
    return made


def test_address_is_read_by_its_own_screen_only(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    console.go("sessions")
    expect(page.get_by_role("heading", name="Sessions", level=1)).to_be_visible()
    described = calls(page, "DescribeSessions")
    file = HeldRequests(page, "**/assets/NodesRoute-*.js")
    console.go(f"nodes/{ferryman.node_id}")
    file.wait()
    assert page.get_by_role("alert").count() == 0
    file.end()
    expect(page.get_by_role("region", name="Tags")).to_be_visible()
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    assert [each["Filters"] for each in described] == [[{"key": "Target", "value": ferryman.node_id}]]


def test_screen_that_fails_to_load_after_it_was_left_says_nothing(
    ferryman: Ferryman, open_console: OpenConsole
) -> None:
    console = open_console(ferryman)
    page = console.page
    file = HeldRequests(page, "**/assets/Preferences-*.js")
    console.go("preferences")
    file.wait()
    console.go("nodes")
    expect(page.get_by_role("heading", name="Nodes", level=1)).to_be_visible()
    file.fail()
    expect(page.locator("main [aria-busy=true]")).to_have_count(0)
    expect(page.get_by_role("heading", name="Nodes", level=1)).to_be_visible()
    expect(page.get_by_text("This screen could not be loaded.")).to_have_count(0)


def test_terminal_that_cannot_be_loaded_says_so(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    intercept(page, "**/assets/TerminalScreen-*.js", lambda route: route.abort())
    console.go("terminal")
    expect(page.get_by_text("This screen could not be loaded.")).to_be_visible()
    console.go("nodes")
    expect(page.get_by_role("heading", name="Nodes", level=1)).to_be_visible()


def test_cancelled_connection_ends_the_session_and_stays_here(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    starting = HeldRequests(page, "**/ssm/StartSession")
    console.start()
    starting.wait()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    with page.expect_request("**/ssm/TerminateSession") as ending:
        starting.end()
    session_id = (ending.value.post_data_json or {})["SessionId"]
    wait_until(lambda: session_id not in [each["SessionId"] for each in ferryman.active_sessions()])
    expect(page).to_have_url(re.compile(f"nodes/{ferryman.node_id}$"))
    expect(page.get_by_role("link", name="Terminal", exact=True)).to_be_visible()  # without a number


def test_parameters_are_those_of_the_chosen_document(ferryman: Ferryman, open_console: OpenConsole) -> None:
    content = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {}}
    ferryman.client("ssm").create_document(Name="Plain", Content=json.dumps(content), DocumentType="Session")
    console = open_console(ferryman)
    page = console.page
    console.go(f"nodes/{ferryman.node_id}")
    page.get_by_role("button", name="Connect", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Document").select_option("AWS-StartInteractiveCommand")
    command = dialog.get_by_role("textbox", name=re.compile("^command"))
    expect(command).to_be_visible()
    described = HeldRequests(page, "**/ssm/DescribeDocument")
    dialog.get_by_label("Document").select_option("Plain")
    described.wait()
    expect(command).to_have_count(0)
    expect(dialog.get_by_role("button", name="Connect", exact=True)).to_be_disabled()
    described.end()
    expect(dialog.get_by_role("button", name="Connect", exact=True)).to_be_enabled()


def test_audit_entries_that_cannot_be_loaded_are_not_asked_for_again_and_again(
    ferryman: Ferryman, open_console: OpenConsole
) -> None:
    console = open_console(ferryman)
    page = console.page
    asked: list[Route] = []

    def answer(route: Route) -> None:
        asked.append(route)
        if len(asked) <= CALLS_OF_A_PAGE:
            route.fulfill(json={"Events": [], "NextToken": "more"})
        else:
            route.abort()

    intercept(page, "**/cloudtrail/LookupEvents", answer)
    console.go("audit?outcome=denied")
    expect(page.get_by_text("Loading audit entries failed.")).to_be_visible()
    page.evaluate("async () => { for (let i = 0; i < 20; i++) await fetch('/console/api/sign-in') }")
    assert len(asked) == CALLS_OF_A_PAGE + 1


def test_sessions_that_were_collected_for_another_filter_are_not_ended(
    ferryman: Ferryman, open_console: OpenConsole
) -> None:
    session_id = ferryman.client("ssm").start_session(Target=ferryman.node_id)["SessionId"]
    console = open_console(ferryman)
    page = console.page
    console.go(f"sessions?target={ferryman.node_id}")
    expect(page.get_by_text(session_id)).to_be_visible()
    collected = HeldRequests(page, "**/ssm/DescribeSessions")
    page.get_by_role("button", name="End all that match").click()
    collected.wait()
    console.go("sessions?target=mi-00000000000000000")
    collected.end()
    expect(page.get_by_text("No session matches")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    ferryman.client("ssm").terminate_session(SessionId=session_id)


def test_access_key_is_created_once_however_often_it_is_clicked(ferryman: Ferryman, open_console: OpenConsole) -> None:
    iam = ferryman.client("iam")
    iam.create_user(UserName="impatient")
    console = open_console(ferryman)
    page = console.page
    console.go("people/users/impatient")
    created = HeldRequests(page, "**/iam/CreateAccessKey")
    page.get_by_role("button", name="Create an access key").dblclick()
    created.wait()
    created.end()
    secret = page.get_by_role("dialog")
    expect(secret).to_be_visible()
    keys = iam.list_access_keys(UserName="impatient")["AccessKeyMetadata"]
    assert len(keys) == 1
    expect(secret.get_by_text(keys[0]["AccessKeyId"])).to_be_visible()
    iam.delete_access_key(UserName="impatient", AccessKeyId=keys[0]["AccessKeyId"])
    iam.delete_user(UserName="impatient")


def test_reconnecting_terminal_leaves_the_focus_where_it_is(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    connections: list[WebSocketRoute] = []

    def pass_on(route: WebSocketRoute) -> None:
        connections.append(route)
        route.connect_to_server()

    page.route_web_socket("**/data-channel/**", pass_on)
    console.connect()
    page.keyboard.press("Control+Shift+F")
    found = page.get_by_label("Find in this terminal")
    found.press_sequentially("first")
    connections[0].close()
    wait_until(lambda: page.evaluate("true") and len(connections) == 2)
    expect(page.get_by_text("The connection is lost.")).to_have_count(0)
    page.keyboard.type(" word")
    expect(found).to_have_value("first word")


def test_search_that_was_left_while_it_was_typed_changes_no_other_screen(
    ferryman: Ferryman, open_console: OpenConsole
) -> None:
    console = open_console(ferryman)
    page = console.page
    console.go("nodes")
    expect(page.get_by_role("row")).not_to_have_count(0)
    page.clock.install()
    page.get_by_label("Search nodes").fill("web")
    console.go("search?q=hello")
    expect(page.get_by_label("Search everything")).to_have_value("hello")
    page.clock.run_for(1000)
    expect(page).to_have_url(re.compile(r"search\?q=hello$"))


def test_person_who_has_left_a_dialog_is_not_taken_elsewhere(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    console.go("people")
    page.get_by_role("button", name="Create a user").click()
    page.get_by_label("Name", exact=True).fill("unhurried")
    created = HeldRequests(page, "**/iam/CreateUser")
    page.keyboard.press("Enter")
    created.wait()
    page.keyboard.press("Escape")
    console.go("nodes")
    created.end()
    expect(page.get_by_text("unhurried is created.")).to_be_visible()
    expect(page).to_have_url(re.compile("/nodes$"))
    ferryman.client("iam").delete_user(UserName="unhurried")


def test_answers_of_the_simulator_are_to_one_question(ferryman: Ferryman, open_console: OpenConsole) -> None:
    ferryman.client("iam").create_user(UserName="somebody-else")
    console = open_console(ferryman)
    page = console.page
    simulated = calls(page, "SimulatePrincipalPolicy")
    console.go("people/explain?arn=*&action=ssm:StartSession")
    held = HeldRequests(page, "**/iam/SimulatePrincipalPolicy")
    page.get_by_role("button", name="Ask").click()
    held.wait()
    page.get_by_label("Action").fill("iam:CreateUser")
    held.end()
    expect(page.get_by_role("list", name="Answers").get_by_role("listitem")).not_to_have_count(0)
    actions = [each["ActionNames"] for each in simulated]
    assert len(actions) > 1
    assert actions == [["ssm:StartSession"]] * len(actions)
    ferryman.client("iam").delete_user(UserName="somebody-else")


def test_destinations_that_were_checked_are_those_that_are_shown(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    page = console.page
    console.go("preferences")
    bucket = page.get_by_label("S3 bucket")
    bucket.fill("one")
    bucket.press("Tab")
    checked = HeldRequests(page, "**/ferryman/CheckSessionLogDestinations")
    page.get_by_role("button", name="Check the destinations").click()
    checked.wait()
    bucket.fill("another")
    bucket.press("Tab")
    checked.end()
    expect(page.get_by_role("button", name="Check the destinations")).to_be_enabled()
    expect(page.get_by_text(re.compile("Logs can"))).to_have_count(0)


def test_text_that_is_typed_while_the_text_before_is_saved_is_kept(
    ferryman: Ferryman, open_console: OpenConsole
) -> None:
    kms = ferryman.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    console = open_console(ferryman)
    page = console.page
    console.go(f"keys/{key}")
    policy = page.get_by_role("textbox", name="Key policy")
    expect(policy).to_have_value(re.compile("Enable IAM User Permissions"))
    first = policy.input_value().replace("Enable IAM User Permissions", "First")
    saved = HeldRequests(page, "**/kms/PutKeyPolicy")
    policy.fill(first)
    page.get_by_role("button", name="Save", exact=True).click()
    saved.wait()
    policy.fill(first.replace("First", "Second"))
    saved.end()
    page.get_by_role("button", name="Save", exact=True).click()  # enabled once the first is saved
    wait_until(lambda: '"Second"' in kms.get_key_policy(KeyId=key)["Policy"])
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
