"""KMS keys in the browser: created by keyboard, changed, deleted and kept; and for somebody who may only look."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.console_page import OpenConsole
from tests.e2e.demo import Ferryman
from tests.e2e.people import Person, person


def text_of_policy(page: Page) -> str:
    return page.get_by_role("textbox", name="Key policy").input_value()


@pytest.fixture
def onlooker(ferryman: Ferryman) -> Iterator[Person]:
    """Somebody who may see keys, and change none."""
    yield person(ferryman, "key-onlooker", "kms:ListKeys", "kms:ListAliases", "kms:DescribeKey", "kms:GetKeyPolicy")
    iam = ferryman.client("iam")
    for key in iam.list_access_keys(UserName="key-onlooker")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="key-onlooker", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="key-onlooker", PolicyName="own")
    iam.delete_user(UserName="key-onlooker")


def test_key_is_created_by_keyboard_changed_and_kept(ferryman: Ferryman, open_console: OpenConsole) -> None:
    kms = ferryman.client("kms")
    console = open_console(ferryman)
    page = console.page
    console.press_chord("g", "k", "keys")
    expect(page.get_by_role("heading", name="Keys", level=1)).to_be_visible()
    page.get_by_role("button", name="Create a key").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Description")).to_be_focused()
    page.keyboard.type("Sessions of production")
    page.keyboard.press("Tab")
    page.keyboard.type("browser/sessions")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="alias/browser/sessions", level=1)).to_be_visible()
    key = kms.describe_key(KeyId="alias/browser/sessions")["KeyMetadata"]
    assert key["Description"] == "Sessions of production"
    assert page.url.endswith(f"/keys/{key['KeyId']}")

    console.go("keys/alias%2Fbrowser%2Fsessions")
    expect(page).to_have_url(re.compile(f"/keys/{key['KeyId']}$"))
    page.get_by_role("button", name="Rotate now").click()
    expect(page.get_by_text("Rotated once")).to_be_visible()
    page.get_by_label("Every").fill("90")
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("Every 90 days", exact=True)).to_be_visible()
    assert kms.get_key_rotation_status(KeyId=key["KeyId"])["RotationPeriodInDays"] == 90

    policy = page.get_by_role("textbox", name="Key policy")
    policy.fill("{")
    expect(page.get_by_text(re.compile("Line 1: "))).to_be_visible()
    page.get_by_role("button", name="Discard changes").click()
    policy.fill(text_of_policy(page).replace("kms:*", "kms:Decrypt"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The new key policy will not allow you to update the key policy")).to_be_visible()
    page.get_by_role("button", name="Discard changes").click()
    policy.fill(text_of_policy(page).replace("Enable IAM User Permissions", "Account"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("It holds from the next call on")).to_be_visible()
    assert '"Account"' in kms.get_key_policy(KeyId=key["KeyId"])["Policy"]

    page.get_by_role("button", name="Disable", exact=True).click()
    expect(page.get_by_role("button", name="Enable", exact=True)).to_be_visible()
    page.get_by_role("button", name="Schedule deletion").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("recordings that are kept under it")).to_be_visible()
    dialog.get_by_label("Wait for this many days").fill("7")
    dialog.get_by_role("button", name="Schedule the deletion").click()
    expect(page.get_by_text("Until then nothing under it can be read")).to_be_visible()
    assert kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"] == "PendingDeletion"
    page.get_by_role("button", name="Cancel the deletion").click()
    page.get_by_role("button", name="Enable", exact=True).click()
    expect(page.get_by_role("button", name="Disable", exact=True)).to_be_visible()
    page.get_by_role("button", name="Delete alias/browser/sessions").click()
    expect(page.get_by_text("Settings and documents can name the key by its id.")).to_be_visible()
    assert kms.list_aliases(KeyId=key["KeyId"])["Aliases"] == []
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)


def test_denied_action_says_whom_to_ask_and_changes_nothing(
    ferryman: Ferryman, onlooker: Person, open_console: OpenConsole
) -> None:
    kms = ferryman.client("kms")
    key = kms.create_key(Description="looked at")["KeyMetadata"]["KeyId"]
    console = open_console(onlooker, signed_in=False)
    console.sign_in()
    console.go(f"keys/{key}")
    page = console.page
    expect(page.get_by_text("Loading the rotation is not allowed for you.")).to_be_visible()
    page.get_by_role("button", name="Disable", exact=True).click()
    denial = page.get_by_role("alert").filter(has_text="Disabling this key is not allowed for you.")
    expect(denial.get_by_text("Ask an administrator to allow it")).to_be_visible()
    address = denial.get_by_role("link").get_attribute("href")
    assert address is not None
    assert "action=kms%3ADisableKey" in address
    assert key in address
    assert kms.describe_key(KeyId=key)["KeyMetadata"]["Enabled"] is True
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
