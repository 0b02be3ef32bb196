"""What the audit trail has of browsers, and what attempts to sign in cost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit.files import TrailFiles
from ferryman.audit.reader import newest_first
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.records import trail_event
from ferryman.core.audit.redaction import HIDDEN
from ferryman.core.console.browser_sessions import prune_browser_sessions
from ferryman.core.ports.audit import Unrecorded
from ferryman.core.service import Service
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.server.browsers import Browser
from tests.server.callers.own_calls import call
from tests.server.running import Recorded, Server


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recorded]:
    """Give the server a trail."""
    opened: list[TrailWriter] = []

    def record(service: Service) -> Service:
        files = TrailFiles(tmp_path / "audit", 1 << 24)
        opened.append(TrailWriter(files, chain_key(service.vault), partial(trail_event, service)))
        return replace(service, trail=opened[0])

    yield record
    await opened[0].close()


async def records(server: Server, directory: Path, name: str) -> list[dict[str, Any]]:
    """The records of an event so far, newest first."""
    await server.service.trail.keep({"test": "mark"})
    return [each for each in newest_first(directory / "audit") if each.get("eventName") == name]


async def test_signing_in_and_out_and_every_call_is_recorded(server: Server, tmp_path: Path) -> None:
    browser = Browser(server)
    await browser.sign_in()
    await browser.call("iam", "CreateUser", UserName="alice")
    await browser.post("/console/api/sign-out", {})
    (login,) = await records(server, tmp_path, "ConsoleLogin")
    assert (login["eventType"], login["eventSource"]) == ("AwsConsoleSignIn", "signin.amazonaws.com")
    assert login["userIdentity"]["userName"] == "root"
    assert login["requestParameters"] == {"signInMethod": "access key"}
    (logout,) = await records(server, tmp_path, "ConsoleLogout")
    assert logout["userIdentity"] == login["userIdentity"]
    (made,) = await records(server, tmp_path, "CreateUser")
    assert made["sessionCredentialFromConsole"] == "true"
    assert made["userIdentity"]["accessKeyId"] == server.administrator.access_key_id
    assert made["requestParameters"] == {"userName": "alice"}


async def test_refusals_are_recorded_with_what_was_claimed(server: Server, tmp_path: Path) -> None:
    browser = Browser(server)
    await browser.sign_in(Credentials(server.administrator.access_key_id, Secret("wrong")))
    await browser.post("/console/api/sign-in/link", {"token": "A" * 43})
    link, key = await records(server, tmp_path, "ConsoleLogin")
    assert key["errorCode"] == "UnrecognizedClientException"
    assert key["userIdentity"] == {"type": "Unknown", "accessKeyId": server.administrator.access_key_id}
    assert (link["errorCode"], link["userIdentity"]) == ("InvalidLink", {"type": "Unknown"})


async def test_no_record_and_no_log_holds_a_secret(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = Browser(server)
    await browser.sign_in()
    url = (await call(server, "CreateConsoleLink"))["ConsoleUrl"]
    await browser.post("/console/api/sign-in/link", {"token": url.partition("#")[2]})
    await browser.get(f"/console/api/sign-in/callback?code=the-code&state={'s' * 43}")
    (made,) = await records(server, tmp_path, "CreateConsoleLink")
    assert made["responseElements"]["consoleUrl"] == HIDDEN
    written = b"".join(each.read_bytes() for each in (tmp_path / "audit").iterdir() if each.is_file()).decode()
    text = written + capsys.readouterr().out
    assert "ConsoleLogin" in text
    secrets = (server.administrator.secret_access_key.reveal(), url.partition("#")[2], browser.cookies["ferryman"])
    for secret in (*secrets, "the-code", "s" * 43):
        assert secret not in text


async def test_nobody_is_signed_in_whom_the_trail_cannot_name(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(entry: object) -> None:
        raise Unrecorded("no space")

    monkeypatch.setattr(server.service.trail, "keep", full)
    browser = Browser(server)
    refused = await browser.sign_in()
    assert (refused.status, refused.error) == (503, "ServiceUnavailable")
    assert not browser.cookies


async def test_one_person_does_not_sign_in_all_the_time(server: Server) -> None:
    """Signing in needs no permission, and every time is a durable record."""
    server.clock.stop()
    browser = Browser(server)
    answers = [(await browser.sign_in()).status for _ in range(62)]
    assert answers == [204] * 60 + [400] * 2
    assert (await browser.me()).status == 200  # what was refused ended nothing
    server.clock.advance(5)
    assert (await browser.sign_in()).status == 204


async def test_failed_attempts_are_counted_as_those_of_signatures(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.clock.stop()
    browser, right = Browser(server), server.administrator
    wrong = replace(right, secret_access_key=Secret("wrong"))
    answers = [(await browser.sign_in(wrong)).error for _ in range(12)]
    assert answers == ["UnrecognizedClientException"] * 10 + ["ThrottlingException"] * 2
    assert (await browser.sign_in()).status == 204  # nobody is locked out by another's guesses
    links = [(await browser.post("/console/api/sign-in/link", {"token": "A" * 43})).error for _ in range(12)]
    assert links == ["InvalidLink"] * 10 + ["ThrottlingException"] * 2


BODIES = (
    (b"x" * 20_000, 413),
    (b"", 400),
    (b"[]", 400),
    (b'{"accessKeyId":"A"}', 400),
    (b'{"accessKeyId":"A","secretAccessKey":"' + b"s" * 200 + b'"}', 400),
    (b'{"accessKeyId":"A","secretAccessKey":"s","more":1}', 400),
    (b"[" * 10_000, 400),
    (b'{"accessKeyId":"\xff","secretAccessKey":"s"}', 400),
)
"""Bodies that sign nobody in, and the status of the answer."""


async def test_a_body_that_signs_in_is_small_and_exact(server: Server) -> None:
    for body, status in BODIES:
        answer = await Browser(server).post("/console/api/sign-in", body)
        assert answer.status == status, body[:60]
        assert b'secretAccessKey":"s' not in answer.body


async def test_expired_sessions_and_links_are_deleted(server: Server) -> None:
    browser = Browser(server)
    await browser.sign_in()
    await call(server, "CreateConsoleLink")
    assert await prune_browser_sessions(server.service) == 0
    server.clock.advance(3600)
    assert await prune_browser_sessions(server.service) == 1
    server.clock.advance(12 * 3600)
    assert await prune_browser_sessions(server.service) == 1
