"""What a mail server's answers mean: another try, or none."""

from email.message import EmailMessage

import aiosmtplib
import pytest

from ferryman.transport.errors import Unreachable
from ferryman.transport.mail_server import MailRefused, MailServer
from ferryman.transport.trust import Trust


def refused(*codes: int) -> aiosmtplib.SMTPRecipientsRefused:
    return aiosmtplib.SMTPRecipientsRefused(
        [aiosmtplib.SMTPRecipientRefused(code, "no", f"{code}@example.com") for code in codes]
    )


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (aiosmtplib.SMTPResponseException(499, "not now"), Unreachable),
        (aiosmtplib.SMTPResponseException(500, "never"), MailRefused),
        (refused(550, 553), MailRefused),
        (refused(550, 450), Unreachable),
        (refused(450, 550), Unreachable),
        (aiosmtplib.SMTPNotSupported("STARTTLS"), MailRefused),
        (aiosmtplib.SMTPServerDisconnected("gone"), Unreachable),
        (ValueError("malformed"), Unreachable),
    ],
)
async def test_refusal_is_final_only_if_every_answer_is(
    monkeypatch: pytest.MonkeyPatch, answer: Exception, meaning: type[Exception]
) -> None:
    async def send(*_: object, **__: object) -> None:
        raise answer

    monkeypatch.setattr(aiosmtplib, "send", send)
    server = MailServer("mail.example.com", 25, "starttls", Trust(), "ferryman.example.com")
    with pytest.raises(meaning) as caught:
        await server.send(EmailMessage())
    assert len(str(caught.value)) <= 500
