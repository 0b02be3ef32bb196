"""Notices of access requests for chat services."""

import json
from typing import Any

import pytest

from ferryman.audit.notice_texts import LONGEST, TEMPLATES

PENDING: dict[str, Any] = {
    "id": "1",
    "detail": {
        "accessRequestId": "oi-0123456789ab",
        "status": "Pending",
        "requesterArn": "arn:aws:iam::123456789012:user/carol",
        "reason": "disk full",
        "targets": ["mi-0123456789abcdef0", "mi-0123456789abcdef1"],
        "waitingFor": "Team",
    },
}


def with_reason(reason: str) -> dict[str, Any]:
    return PENDING | {"detail": PENDING["detail"] | {"reason": reason}}


@pytest.mark.parametrize("template", ["slack", "teams"])
def test_a_message_says_who_asks_for_what_and_how_to_approve(template: str) -> None:
    text = json.dumps(TEMPLATES[template](PENDING)).replace("\\\\", "")
    for said in ("oi-0123456789ab is Pending", "user/carol", "mi-0123456789abcdef1", "disk full", "Team"):
        assert said in text, said
    assert "ferryman access approve oi-0123456789ab" in text


def test_a_decided_request_is_not_to_be_approved() -> None:
    decided = {"detail": {**PENDING["detail"], "status": "Rejected", "waitingFor": None, "decidedBy": "dave"}}
    text = json.dumps(TEMPLATES["slack"](decided))
    assert "Decided by: dave" in text
    assert "To approve" not in text


def test_a_reason_cannot_mention_link_or_format_in_slack() -> None:
    message = TEMPLATES["slack"](with_reason("*now* <!channel> <https://evil.example|click> & more"))
    heading, facts = (block["text"] for block in message["blocks"])
    assert heading == {"type": "mrkdwn", "text": "*Access request oi-0123456789ab is Pending*", "verbatim": True}
    assert "*now* &lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; more" in facts["text"]
    assert (facts["type"], facts["emoji"]) == ("plain_text", False)


def test_slack_message_is_never_longer_than_slack_accepts() -> None:
    """Slack refuses a longer one, and a refused notice is dropped."""
    names = ("requesterArn", "reason", "waitingFor", "decidedBy", "details")
    message = TEMPLATES["slack"]({"detail": PENDING["detail"] | dict.fromkeys(names, "&" * 1000)})
    text = message["blocks"][1]["text"]["text"]
    assert len(text) < 3000
    assert f"Reason: {'&amp;' * 79}…\n" in text
    message = TEMPLATES["slack"]({"detail": PENDING["detail"] | dict.fromkeys(names, "x" * 1000)})
    assert f"Reason: {'x' * 299}…\n" in message["blocks"][1]["text"]["text"]


def test_a_reason_cannot_format_or_link_in_teams() -> None:
    card = TEMPLATES["teams"](with_reason("**now** [click](https://evil.example)"))["attachments"][0]["content"]
    facts = {fact["title"]: fact["value"] for fact in card["body"][1]["facts"]}
    assert facts["Reason"] == r"\*\*now\*\* \[click\]\(https\://evil.example\)"


@pytest.mark.parametrize("template", ["slack", "teams"])
def test_a_reason_is_one_short_line(template: str) -> None:
    text = json.dumps(TEMPLATES[template](with_reason("a\n" * 10_000)))
    assert len(text) < LONGEST * 3 + 1500
    assert "a a a" in text


def test_the_event_is_posted_as_it_is() -> None:
    assert TEMPLATES["event"](PENDING) == PENDING
