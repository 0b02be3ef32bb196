"""Notices of access requests for people: incoming webhooks of Slack, workflows of Teams, and e-mail.

The texts hold what a requester wrote. It is shortened, put on one line, and cannot format, link or mention anything.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from itertools import accumulate
from typing import Any

from ferryman.core.ports.audit import Entry
from ferryman.model.values.text import one_line

LONGEST = 300
"""Characters of one value."""
LONGEST_ESCAPED = 400
"""The same, for Slack."""
_SLACK = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKDOWN = re.compile(r"([\\`*_\[\]()#~>|!<@:])")
Fact = tuple[str, str]


def as_event(entry: Entry) -> Mapping[str, Any]:
    """Return the event itself, as the audit trail has it."""
    return entry


def as_slack_message(entry: Entry) -> Mapping[str, Any]:
    """Return a message for an incoming webhook of Slack."""
    title, facts = _described(entry)
    heading = {"type": "mrkdwn", "text": f"*{_for_slack(title)}*", "verbatim": True}
    lines = "\n".join(f"{name}: {_for_slack(value)}" for name, value in facts) or "-"
    plain = {"type": "plain_text", "text": lines, "emoji": False}
    return {
        "text": _for_slack(title),
        "blocks": [{"type": "section", "text": heading}, {"type": "section", "text": plain}],
    }


def as_teams_message(entry: Entry) -> Mapping[str, Any]:
    """Return a message with an adaptive card, for a workflow of Teams that posts what its webhook receives."""
    title, facts = _described(entry)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": _for_teams(title), "weight": "Bolder", "wrap": True},
            {"type": "FactSet", "facts": [{"title": name, "value": _for_teams(value)} for name, value in facts]},
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return {"type": "message", "attachments": [attachment]}


def as_mail(entry: Entry, sender: str, recipients: Sequence[str], sent_at: datetime) -> EmailMessage:
    """Return a plain text message. `sent_at` is aware of its time zone."""
    title, facts = _described(entry)
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Subject"] = title
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = f"<{_plain(entry['id'])}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join([f"{title}.", "", *(f"{name}: {value}" for name, value in facts), ""]))
    return message


TEMPLATES: Mapping[str, Callable[[Entry], Mapping[str, Any]]] = {
    "event": as_event,
    "slack": as_slack_message,
    "teams": as_teams_message,
}


def _described(entry: Entry) -> tuple[str, Sequence[Fact]]:
    """Return a title and facts, as plain text."""
    found = entry.get("detail")
    detail: Mapping[str, Any] = found if isinstance(found, dict) else {}
    request_id, status = _plain(detail.get("accessRequestId")), _plain(detail.get("status"))
    facts = [
        ("Requester", _plain(detail.get("requesterArn"))),
        ("Nodes", _plain(", ".join(map(str, detail.get("targets") or ())))),
        ("Reason", _plain(detail.get("reason"))),
        ("Waiting for", _plain(detail.get("waitingFor"))),
        ("Decided by", _plain(detail.get("decidedBy"))),
        ("Details", _plain(detail.get("details"))),
    ]
    if detail.get("waitingFor"):
        facts.append(("To approve", f"ferryman access approve {request_id}"))
    return f"Access request {request_id} is {status}", [(name, value) for name, value in facts if value]


def _plain(value: object) -> str:
    text = one_line(str(value or ""))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _for_slack(text: str) -> str:
    """Return a text, escaped. It is cut if many characters are: Slack refuses a section of more than 3,000."""
    escaped = [_SLACK.get(character, character) for character in text]
    ends = list(accumulate(map(len, escaped)))
    if not ends or ends[-1] <= LONGEST_ESCAPED:
        return "".join(escaped)
    return "".join(escaped[: bisect_left(ends, LONGEST_ESCAPED)]) + "…"


def _for_teams(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
