"""E-mail about access requests, from the configuration to a real SMTP server."""

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from ferryman.bootstrap.access.notices import open_notices
from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.keys.certificates import issue
from ferryman.bootstrap.service import open_service
from ferryman.cli.operate.init import ServerPlan, initialise
from ferryman.core.service import Service
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret
from ferryman.transport import mail_server
from ferryman.transport.errors import Unreachable
from ferryman.transport.mail_server import MailRefused, MailServer
from ferryman.transport.trust import Trust
from tests.waiting import PATIENCE

# aiosmtpd warns of its own code.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Session.login_data is deprecated"),
    pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS"),
]

PASSWORD = "correct horse"
PENDING: dict[str, Any] = {
    "id": "e1",
    "detail": {
        "accessRequestId": "oi-0123456789ab",
        "status": "Pending",
        "requesterArn": "arn:aws:iam::123456789012:user/carol",
        "targets": ["mi-0123456789abcdef0"],
        "reason": "disk füll\r\nBcc: mallory@example.com\r\n\r\n.\r\nQUIT",
        "waitingFor": "Lead",
    },
}


class Mailbox:
    """What the SMTP server does with messages: keeps them. Refuses the recipients in `refused`."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.kept: asyncio.Queue[tuple[Session, Envelope]] = asyncio.Queue()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.kept.put_nowait((session, envelope))
        return "250 kept"

    async def message(self) -> tuple[EmailMessage, Session, Envelope]:
        session, envelope = await asyncio.wait_for(self.kept.get(), PATIENCE)
        content = envelope.original_content
        assert content is not None
        parsed = message_from_bytes(content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed, session, envelope


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialise(ServerPlan(tmp_path_factory.mktemp("server"))).configuration


@pytest.fixture(scope="module")
def tls(initialised: Path) -> ssl.SSLContext:
    """The mail server's certificate, whose authority is in mail-ca.pem."""
    issued = issue("localhost", datetime.now(UTC))
    initialised.with_name("mail-ca.pem").write_bytes(issued.issuer.certificate)
    pair = initialised.with_name("mail.pem")
    pair.write_bytes(issued.key + issued.certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)
    return context


def check_login(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword) -> AuthResult:
    known = (data.login, data.password) == (b"ferryman", PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@asynccontextmanager
async def listening(mailbox: Mailbox, encrypted: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """Run the server; `encrypted` speaks TLS from the start."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, loop=loop, **options), "127.0.0.1", 0, ssl=encrypted)
    async with server:
        yield server.sockets[0].getsockname()[1]


def configured(initialised: Path, port: int, *lines: str, recipients: str = '["lead@example.com"]') -> Path:
    password = initialised.with_name("mail.password")
    password.write_text(f"{PASSWORD}\n")
    password.chmod(0o600)
    path = initialised.with_name("mailing.toml")
    settings = ['host = "localhost"', f"port = {port}", 'sender = "ferryman@example.com"', f"recipients = {recipients}"]
    path.write_text("\n".join([initialised.read_text(), "[access.email]", *settings, *lines, ""]))
    return path


LOGIN = ('username = "ferryman"', 'password_file = "mail.password"', 'ca_file = "mail-ca.pem"')


@asynccontextmanager
async def notifying(path: Path) -> AsyncIterator[Service]:
    loaded = load(path)
    async with open_service(loaded) as plain, open_notices(loaded, plain) as service:
        yield service


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_a_message_goes_encrypted_with_a_login(initialised: Path, tls: ssl.SSLContext, encryption: str) -> None:
    mailbox = Mailbox()
    kinds: dict[str, dict[str, Any]] = {
        "starttls": {"tls_context": tls, "require_starttls": True},
        "tls": {"encrypted": tls, "auth_require_tls": False},  # it knows only TLS that it started itself
    }
    async with listening(mailbox, authenticator=check_login, auth_required=True, **kinds[encryption]) as port:
        path = configured(initialised, port, *LOGIN, f'encryption = "{encryption}"')
        async with notifying(path) as service:
            service.notices.put(PENDING)
            message, session, envelope = await mailbox.message()
    assert session.authenticated
    assert envelope.mail_from == "ferryman@example.com"
    assert envelope.rcpt_tos == ["lead@example.com"]
    assert message["Subject"] == "Access request oi-0123456789ab is Pending"
    assert (message["To"], message["Bcc"], message["Auto-Submitted"]) == ("lead@example.com", None, "auto-generated")
    lines = message.get_content().splitlines()
    assert "Nodes: mi-0123456789abcdef0" in lines
    assert "To approve: ferryman access approve oi-0123456789ab" in lines
    reasons = [line for line in lines if line.startswith("Reason: ")]
    assert len(reasons) == 1
    assert "disk füll" in reasons[0]
    assert "Bcc: mallory" in reasons[0]


async def test_a_refused_recipient_does_not_keep_the_message_from_others(initialised: Path) -> None:
    mailbox = Mailbox()
    mailbox.refused = {"gone@example.com": "550 no such person"}
    async with listening(mailbox) as port:
        to = '["gone@example.com", "lead@example.com"]'
        async with notifying(configured(initialised, port, 'encryption = "none"', recipients=to)) as service:
            service.notices.put(PENDING)
            assert (await mailbox.message())[2].rcpt_tos == ["lead@example.com"]


def mail() -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = "ferryman@example.com", "lead@example.com"
    message.set_content("text")
    return message


async def test_nothing_is_sent_to_a_server_that_does_not_encrypt(initialised: Path, tls: ssl.SSLContext) -> None:
    mailbox = Mailbox()
    async with listening(mailbox) as port:
        server = MailServer("localhost", port, "starttls", Trust(initialised.with_name("mail-ca.pem")), "me")
        with pytest.raises(Unreachable, match="STARTTLS extension not supported"):
            await server.send(mail())
    assert mailbox.kept.empty()


@pytest.mark.parametrize("encryption", ["starttls", "tls"])
async def test_nothing_is_sent_to_a_server_with_an_unknown_certificate(tls: ssl.SSLContext, encryption: Any) -> None:
    mailbox = Mailbox()
    options: dict[str, Any] = {"tls_context": tls} if encryption == "starttls" else {"encrypted": tls}
    async with listening(mailbox, **options) as port:
        with pytest.raises(Unreachable, match="certificate"):
            await MailServer("localhost", port, encryption, Trust(), "me").send(mail())
    assert mailbox.kept.empty()


@pytest.mark.parametrize(("answer", "kind"), [("550 no such person", MailRefused), ("450 try later", Unreachable)])
async def test_a_refusal_for_good_is_told_from_one_for_now(answer: str, kind: type[Exception]) -> None:
    mailbox = Mailbox()
    mailbox.refused = {"lead@example.com": answer}
    async with listening(mailbox) as port:
        with pytest.raises(kind, match=re.escape(answer[4:])):
            await MailServer("localhost", port, "none", Trust(), "me").send(mail())


async def test_a_wrong_password_is_a_refusal_for_good(initialised: Path, tls: ssl.SSLContext) -> None:
    async with listening(Mailbox(), authenticator=check_login, tls_context=tls) as port:
        trusted = Trust(initialised.with_name("mail-ca.pem"))
        server = MailServer("localhost", port, "starttls", trusted, "me", ("ferryman", Secret("wrong")))
        with pytest.raises(MailRefused, match="535") as refused:
            await server.send(mail())
    assert "wrong" not in str(refused.value)


async def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_server, "TIMEOUT_SECONDS", 0.2)

    gone = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"220-wait\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        writer.close()
        gone.set()

    silent = await asyncio.start_server(drip, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(Unreachable, match="did not accept"):
        await asyncio.wait_for(MailServer("127.0.0.1", port, "none", Trust(), "me").send(mail()), PATIENCE)
    await asyncio.wait_for(gone.wait(), PATIENCE)
    silent.close()
    with pytest.raises(Unreachable, match="did not accept"):
        await MailServer("127.0.0.1", port, "none", Trust(), "me").send(mail())


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (('username = "ferryman"',), "only one of username and password_file"),
        (('encryption = "none"', 'host = "mail.example.com"'), "cannot be none for mail.example.com"),
        (('recipients = ["two@example.com>\\r\\nRCPT TO:<x@y"]',), "recipients"),
        (("recipients = []",), "recipients"),
        (('sender = "Ferryman"',), "sender"),
        (('encryption = "ssl"',), "encryption"),
    ],
)
def test_settings_that_cannot_be_used_are_named(initialised: Path, lines: tuple[str, ...], told: str) -> None:
    path = configured(initialised, 25)
    head, separator, settings = path.read_text().partition("[access.email]")
    named = tuple(line.partition("=")[0] for line in lines)
    kept = [line for line in settings.splitlines() if not line.startswith(named)]
    path.write_text("\n".join([head + separator, *kept, *lines, ""]))
    with pytest.raises(Failure, match=re.escape(told)):
        load(path)


async def test_a_password_that_others_can_read_is_refused(initialised: Path) -> None:
    path = configured(initialised, 25, *LOGIN[:2])
    initialised.with_name("mail.password").chmod(0o644)
    with pytest.raises(Failure, match="open to other users"):
        async with notifying(path):
            pass
