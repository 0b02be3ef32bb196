"""The settings of just-in-time access, and the checks beyond their types."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback

MOST_RECIPIENTS = 20
MailAddress = Annotated[str, Meta(max_length=254, pattern=r"^[^\s\x00-\x20\x7f<>()\[\],;:\\\"@]+@[A-Za-z0-9.-]+\Z")]


class AccessWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is notified of access requests, and in which form. Events are signed; chat services need no signature."""

    url: str
    template: Literal["event", "slack", "teams"] = "event"
    secret_file: str | None = None
    ca_file: str | None = None


class AccessEmail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who gets a message about access requests, and the mail server that accepts it."""

    host: Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:-]{1,255}\Z")]
    sender: MailAddress
    recipients: Annotated[tuple[MailAddress, ...], Meta(min_length=1, max_length=MOST_RECIPIENTS)]
    port: Annotated[int, Meta(ge=1, le=65535)] = 587
    encryption: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    password_file: str | None = None
    ca_file: str | None = None


class Access(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Just-in-time access."""

    end_sessions: bool = True
    webhook: AccessWebhook | None = None
    email: AccessEmail | None = None


def check_access(access: Access, path: Path) -> None:
    """Raise Failure for settings that do not go together; `path` is the configuration's."""
    webhook, email = access.webhook, access.email
    if webhook is not None and webhook.template == "event" and webhook.secret_file is None:
        raise Failure(f"{path}: access.webhook.secret_file is missing", "events are signed with it", "Set it")
    if email is None:
        return
    if (email.username is None) != (email.password_file is None):
        raise Failure(
            f"{path}: access.email sets only one of username and password_file",
            "a login needs both",
            "Set both, or none",
        )
    if email.encryption == "none" and not is_loopback(email.host):
        raise Failure(
            f"{path}: access.email.encryption cannot be none for {email.host}",
            "messages, and the password, would cross the network in the clear",
            'Set it to "starttls" or "tls"',
        )
