"""What other people can do in the browser: denied, expired, approving on a phone, hostile names."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.console_page import ConsolePage, OpenConsole
from tests.e2e.console.other_site import ATTACK, REFUSED, other_site
from tests.e2e.console.stored_nodes import COLUMNS, stored_nodes
from tests.e2e.demo import Ferryman
from tests.e2e.people import Person, person
from tests.waiting import wait_until

PHONE = {"width": 390, "height": 844}
POLICY = {
    "schemaVersion": "0.3",
    "accessDuration": 3600,
    "mainSteps": [{"name": "Team", "action": "aws:approve", "inputs": {"Approvers": ["console-approver"]}}],
}
HOSTILE = "<img src=x onerror=alert(2)>\u202e</td>\x1b[2J\x07\u2028\u00ad{{7*7}}"
SHOWN = r"<img src=x onerror=alert(2)>\u202e</td>\x1b[2J\x07\u2028\xad{{7*7}}"
IN_ORDER = "rows => rows.length > 0 && rows.every((row, index) => row.ariaRowIndex === `${index + 2}`)"
"""Whether rows of a table are its first ones, without a gap."""
STEERING = """() => {
  const hidden = /[^\\P{C}\\n\\t]|[\\u2028\\u2029]/u;
  const texts = [document.title, document.body.innerText];
  for (const element of document.querySelectorAll('[title], [aria-label], [alt]'))
    for (const name of ['title', 'aria-label', 'alt']) texts.push(element.getAttribute(name) ?? '');
  return texts.filter((text) => hidden.test(text));
}"""
"""The texts of a page, also of its attributes, that hold characters nobody sees."""


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
    assert "JustInTime" in [each["AccessType"] for each in ferryman.active_sessions()]


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
    for tab in (page, second):  # which may call the server by itself, and ask before the click
        tab.get_by_role("link", name="Audit", exact=True).dispatch_event("click")
        expect(tab.get_by_role("heading", name="Sign in again")).to_be_visible()
    console.fill_in_key()
    for tab in (page, second):
        expect(tab.get_by_role("heading", name="Sign in again")).to_be_hidden()
    expect(page.get_by_role("heading", name="Audit")).to_be_visible()
    second.get_by_role("link", name="Nodes", exact=True).first.click()  # the other tab has the new cookie, too
    expect(second.get_by_role("row")).not_to_have_count(0)


def expect_only_text(console: ConsolePage, screen: str) -> None:
    """Nothing that was written became a part of the page, or steers how its text is drawn or read out."""
    page = console.page
    assert page.locator("img, iframe, object, style:not(head *), script:not([src])").count() == 0, screen
    assert page.evaluate(STEERING) == [], screen
    assert widest(page) <= page.viewport_size["width"], screen  # type: ignore[index]


def test_hostile_names_tags_and_reasons_are_text(ferryman: Ferryman, open_console: OpenConsole) -> None:
    ssm = ferryman.client("ssm")
    hostile = tuple(f"{HOSTILE}{each}" for each in COLUMNS)
    endless = tuple("W" * 10_000 for _ in COLUMNS)
    stacked = tuple("Z" + "\u0301" * 10_000 for _ in COLUMNS)
    tags = [{"Key": "key\u2028=", "Value": "a\u3000b"}]
    ssm.add_tags_to_resource(ResourceType="ManagedInstance", ResourceId=ferryman.node_id, Tags=tags)
    session_id = ssm.start_session(Target=ferryman.node_id, Reason=HOSTILE)["SessionId"]
    console = open_console(ferryman, width=1600)
    page = console.page
    page.on("dialog", lambda dialog: console.errors.append(dialog.message))
    with stored_nodes(ferryman, [hostile, endless, stacked]) as ids:
        shown = {
            "nodes": SHOWN,
            f"nodes/{ids[0]}": SHOWN,
            f"nodes/{ids[1]}": "WWW",
            f"nodes/{ids[2]}": "Z\u0301\u0301\u0301\u0301…",
            f"nodes/{ferryman.node_id}": r"key\u2028=",
            "sessions": SHOWN,
            f"sessions/{session_id}": SHOWN,
            "search?q=alert": "alert(2)",
            "audit?by=EventName&value=StartSession": "StartSession",
            f"access-requests?node={ids[0]}": "Request",
        }
        for screen, text in shown.items():
            console.go(screen)
            expect(page.get_by_text(text).first).to_be_visible()
            expect(page.locator("main [aria-busy=true]")).to_have_count(0)
            expect_only_text(console, screen)
            if screen == "nodes":
                heights = [row.bounding_box()["height"] for row in page.locator("tbody tr").all()]  # type: ignore[index]
                assert max(heights) - min(heights) <= 1
    ssm.terminate_session(SessionId=session_id)


def test_page_of_another_origin_cannot_use_the_cookie(ferryman: Ferryman, open_console: OpenConsole) -> None:
    console = open_console(ferryman)
    assert console.page.evaluate("document.cookie") == ""
    assert ferryman.facts["secret_access_key"] not in console.page.evaluate(
        "JSON.stringify([localStorage, sessionStorage])"
    )
    (cookie,) = console.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    with other_site() as address:
        page = console.context.new_page()
        page.goto(address)
        assert page.evaluate(ATTACK, console.url) == REFUSED
        assert page.frames[1].locator("body *").count() == 0 or page.frames[1].url.startswith("chrome-error:")
        page.close()
    assert "mallory" not in [each["UserName"] for each in ferryman.client("iam").list_users()["Users"]]
    console.page.reload()
    expect(console.page.get_by_role("heading", name="Overview")).to_be_visible()


def test_long_table_keeps_only_the_rows_near_the_view(ferryman: Ferryman, open_console: OpenConsole) -> None:
    node = ("computer", "agent", "1.0", "Linux", "Debian", "12")
    with stored_nodes(ferryman, [node] * 500) as ids:
        console = open_console(ferryman)
        page = console.page
        console.go("nodes")
        expect(page.get_by_text(ids[0])).to_be_visible()
        main = page.locator("main")
        while not page.locator(f"[href$='{ids[400]}']").count():
            main.evaluate("main => main.scrollTo(0, main.scrollHeight)")
        wait_until(lambda: page.locator("tbody tr").count() < 250)
        ferryman.client("ssm").deregister_managed_instance(InstanceId=ids[0])
        main.evaluate("main => main.scrollTo(0, 0)")
        expect(page.get_by_text(ids[1])).to_be_visible()
        expect(page.get_by_text(ids[0])).to_have_count(0)
        wait_until(lambda: page.locator("tr[aria-rowindex]").evaluate_all(IN_ORDER))


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
