"""Hands messages to a mail server (RFC 5321), encrypted from the start or after STARTTLS (RFC 3207)."""

import asyncio
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

import aiosmtplib

from ferryman.model.failures import said_by
from ferryman.model.values.secret import Secret
from ferryman.transport.errors import Unreachable
from ferryman.transport.trust import Trust

TIMEOUT_SECONDS = 30.0
"""For one message, from the connection to the server's answer."""
PERMANENT = 500
"""SMTP's first code of refusals that trying again does not change."""

Sent = tuple[dict[str, aiosmtplib.SMTPResponse], str]
"""Refused recipients with the server's answers, and its last answer."""
Encryption = Literal["tls", "starttls", "none"]


class MailRefused(Exception):
    """The mail server refused a message for good: the login, an address, or the content."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server. `own_name` is how we introduce ourselves; `login` is a name and a password, None without one."""

    host: str
    port: int
    encryption: Encryption
    trusted: Trust
    own_name: str
    login: tuple[str, Secret] | None = None

    async def send(self, message: EmailMessage) -> list[str]:
        """Hand over a message within `TIMEOUT_SECONDS`; return the recipients that the server refused, if not all.

        Never sends a password or a message unencrypted unless `encryption` is "none". Raises Unreachable, MailRefused.
        """
        name, password = (None, None) if self.login is None else (self.login[0], self.login[1].reveal())
        sending = asyncio.create_task(
            aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                local_hostname=self.own_name,
                username=name,
                password=password,
                use_tls=self.encryption == "tls",
                start_tls=self.encryption == "starttls",
                tls_context=None if self.encryption == "none" else self.trusted.context,
                timeout=TIMEOUT_SECONDS,
            )
        )
        try:
            refused, _ = await _result_in_time(sending)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            said = "; ".join(f"{each.recipient}: {each.code} {each.message}" for each in error.recipients)
            raise self._failed(min(codes, default=0), said) from error
        except aiosmtplib.SMTPResponseException as error:
            raise self._failed(error.code, f"{error.code} {error.message}") from error
        except aiosmtplib.SMTPNotSupported as error:
            raise MailRefused(f"{self.host} lacks a required feature: {error}") from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{self.host}:{self.port} did not accept the message: {said_by(error)}") from error
        return list(refused)

    def _failed(self, code: int, said: str) -> Exception:
        text = f"{self.host} answered {said}"[:500]
        return MailRefused(text) if code >= PERMANENT else Unreachable(text)


async def _result_in_time(sending: "asyncio.Task[Sent]") -> Sent:
    """Return a task's result; end it after `TIMEOUT_SECONDS`, or when this is cancelled. Raises TimeoutError.

    The library waits with `asyncio.wait_for`, which on Python 3.11 loses a cancellation that comes with a result.
    """
    try:
        await asyncio.wait({sending}, timeout=TIMEOUT_SECONDS)
        if not sending.done():
            raise TimeoutError("it took too long")
        return sending.result()
    finally:
        while not sending.done():
            sending.cancel()
            await asyncio.wait({sending}, timeout=0.1)
