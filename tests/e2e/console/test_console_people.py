"""What other people can do in the browser: denied, expired, approving on a phone, hostile names."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.console_page import OpenConsole
from tests.e2e.demo import Ferryman
from tests.e2e.people import Person, person

PHONE = {"width": 390, "height": 844}
POLICY = {
    "schemaVersion": "0.3",
    "accessDuration": 3600,
    "mainSteps": [{"name": "Team", "action": "aws:approve", "inputs": {"Approvers": ["console-approver"]}}],
}


@pytest.fixture
def people(ferryman: Ferryman) -> Iterator[dict[str, Person]]:
    """A requester and an approver, and the policy that says so."""
    asks = ("ssm:StartAccessRequest", "ssm:GetAccessToken", "ssm:DescribeInstanceInformation", "ssm:ListDocuments")
    decides = ("ssm:SendAutomationSignal", "ssm:GetOpsItem", "ssm:DescribeOpsItems")
    named = {
        "console-requester": person(ferryman, "console-requester", *asks),
        "console-approver": person(ferryman, "console-approver", *decides),
    }
    ferryman.client("ssm").create_document(
        Name="ConsoleTests",
        DocumentType="ManualApprovalPolicy",
        DocumentFormat="JSON",
        Content=json.dumps(POLICY),
    )
    yield named
    ferryman.clear()
    for name, each in named.items():
        iam = ferryman.client("iam")
        iam.delete_access_key(UserName=name, AccessKeyId=each.facts["access_key_id"])
        iam.delete_user_policy(UserName=name, PolicyName="own")
        iam.delete_user(UserName=name)


def widest(page: Page) -> int:
    """How wide the page is; more than its window means that it scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


def test_denied_shell_is_requested_approved_on_a_phone_and_used(
    ferryman: Ferryman, people: dict[str, Person], open_console: OpenConsole
) -> None:
    requester = open_console(people["console-requester"], signed_in=False)
    page = requester.page
    requester.sign_in()
    requester.go(f"nodes/{ferryman.node_id}")
    page.get_by_role("button", name="Connect", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Connect", exact=True).click()
    expect(page.get_by_text("Starting a session is not allowed for you.")).to_be_visible()
    page.get_by_role("link", name="request it").click()
    page.get_by_label("Reason").fill("disk full, ticket 4711")
    page.get_by_role("button", name="Request", exact=True).click()
    expect(page.get_by_text("disk full, ticket 4711")).to_be_visible()
    link = page.get_by_role("article").get_by_role("heading").get_by_role("link").get_attribute("href")
    assert link is not None

    approver = open_console(people["console-approver"], width=PHONE["width"], height=PHONE["height"])
    phone = approver.page
    phone.goto(ferryman.facts["endpoint_url"] + link)
    expect(phone.get_by_text("disk full, ticket 4711")).to_be_visible()
    assert widest(phone) <= PHONE["width"]
    phone.get_by_role("button", name="Approve").click()
    expect(phone.get_by_text("Approved", exact=True)).to_be_visible()

    page.reload()
    page.get_by_role("button", name="Use this access").click()
    page.get_by_role("dialog").get_by_role("button", name="Use it").click()
    expect(page.get_by_role("heading", name="Nodes", level=1)).to_be_visible()
    shell = requester.connect()
    shell.run("echo just-in-time")
    shell.shows("just-in-time")
    newest = ferryman.active_sessions()[0]  # sessions of other tests may not be over yet
    assert newest["AccessType"] == "JustInTime"


def test_wrong_key_is_refused_and_a_lost_cookie_asks_again(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman, signed_in=False)
    page = console.page
    page.goto(console.url)
    page.get_by_label("Access key ID").fill(ferryman.facts["access_key_id"])
    page.get_by_label("Secret access key").fill("wrong")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()
    console.fill_in_key()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    second = console.new_tab()
    second.goto(console.url)
    expect(second.get_by_role("heading", name="Overview")).to_be_visible()
    console.context.clear_cookies()
    page.get_by_role("link", name="Audit", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in again")).to_be_visible()
    console.fill_in_key()
    expect(page.get_by_role("heading", name="Sign in again")).to_be_hidden()
    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    second.get_by_role("link", name="Nodes", exact=True).first.click()  # the other tab has the new cookie, too
    expect(second.get_by_role("row")).not_to_have_count(0)


def test_hostile_reasons_are_text(ferryman: Ferryman, open_console: OpenConsole) -> None:
    reason = "<img src=x onerror=alert(2)>\u202e</td>"
    session_id = ferryman.client("ssm").start_session(Target=ferryman.node_id, Reason=reason)["SessionId"]
    console = open_console(ferryman, width=1600)
    page = console.page
    page.on("dialog", lambda dialog: console.errors.append(dialog.message))
    for screen in ("sessions", f"sessions/{session_id}"):
        console.go(screen)
        expect(page.get_by_text(r"<img src=x onerror=alert(2)>\u202e</td>").first).to_be_visible()
        assert page.locator("img, script:not([src])").count() == 0
    ferryman.client("ssm").terminate_session(SessionId=session_id)


def test_denied_screens_say_so_and_lead_to_the_reason(
    ferryman: Ferryman, people: dict[str, Person], open_console: OpenConsole
) -> None:
    console = open_console(people["console-approver"])
    page = console.page
    for screen in ("nodes", "sessions", "audit", "people", "preferences"):
        console.go(screen)
        expect(page.get_by_text("is not allowed for you.").first).to_be_visible()
    page.get_by_role("link", name="see which policy decided").first.click()
    expect(page.get_by_role("heading", name="Who may do what?")).to_be_visible()

    administrator = open_console(ferryman)
    administrator.go("people/explain?user=console-approver&action=ssm:StartSession")
    administrator.page.get_by_role("button", name="Ask").click()
    expect(administrator.page.get_by_text("No policy allows it")).to_be_visible()
