"""Brute force against a running server is throttled and summarised in the trail, without harm to valid callers."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ferryman.audit.files import TrailFiles
from ferryman.audit.reader import newest_first
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.records import CHANNEL_CHANGE, FAILURES, trail_event
from ferryman.core.ratelimits.failed_attempts import CLAIM_BURST
from ferryman.core.service import Service
from ferryman.model.values.secret import Secret
from ferryman.signing.rsa import encode_public_key
from tests.server.running import Recorded, Server, until

BURST = int(CLAIM_BURST)
TARGET = "AmazonSSM.DescribeSessions"


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recorded]:
    """Give the server a trail, which is read once the server has stopped or after a `keep`."""
    opened: list[TrailWriter] = []

    def record(service: Service) -> Service:
        files = TrailFiles(tmp_path / "audit", 1 << 24)
        opened.append(TrailWriter(files, chain_key(service.vault), partial(trail_event, service)))
        return replace(service, trail=opened[0])

    yield record
    await opened[0].close()


@pytest.fixture(autouse=True)
def _stopped(server: Server) -> None:
    """A slow machine earns no attempts back meanwhile."""
    server.clock.stop()


async def records(server: Server, directory: Path) -> list[dict[str, Any]]:
    await server.service.trail.keep({"test": "mark"})
    return list(newest_first(directory / "audit"))[::-1]


async def describe(server: Server, secret: Secret | None = None, key: str | None = None) -> str:
    """Call DescribeSessions with another secret or key than the administrator's; return the error's code, or ""."""
    given = server.administrator
    credentials = replace(
        given, access_key_id=key or given.access_key_id, secret_access_key=secret or given.secret_access_key
    )
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}
    body = b'{"State":"Active"}'
    signed = server.signed("POST", "/", "", body, headers, credentials)
    _, answer = await server.json_call(TARGET, body, signed)
    return str(answer.get("__type", ""))


async def test_failed_attempts_with_a_key_are_throttled_and_summarised(server: Server, tmp_path: Path) -> None:
    codes = [await describe(server, key="AKIAAAAAAAAAAAAAAAAA") for _ in range(BURST + 20)]
    assert codes == ["UnrecognizedClientException"] * BURST + ["ThrottlingException"] * 20
    assert await describe(server) == ""
    server.clock.advance(600)
    assert await describe(server, key="AKIAAAAAAAAAAAAAAAAA") == "UnrecognizedClientException"
    calls = [each for each in await records(server, tmp_path) if each.get("eventName") == "DescribeSessions"]
    refused = [each for each in calls if "errorCode" in each]
    assert [each["errorCode"] for each in refused] == ["UnrecognizedClientException"] * (BURST + 1)


async def test_a_key_is_not_locked_out_by_wrong_signatures(server: Server) -> None:
    assert await describe(server) == ""
    codes = [await describe(server, Secret("wrong")) for _ in range(BURST * 2)]
    assert codes == ["InvalidSignatureException"] * BURST + ["ThrottlingException"] * BURST
    assert await describe(server) == ""


async def test_unused_key_is_not_locked_out_by_wrong_signatures(server: Server) -> None:
    for _ in range(BURST * 2):
        await describe(server, Secret("wrong"))
    assert await describe(server) == ""


async def test_wrong_clock_is_not_a_failed_attempt(server: Server) -> None:
    server.clock.advance(-3600)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}
    signed = server.signed("POST", "/", "", b"{}", headers)
    server.clock.advance(3600)
    codes = {(await server.json_call(TARGET, b"{}", signed))[1]["__type"] for _ in range(BURST * 2)}
    assert codes == {"InvalidSignatureException"}


async def test_failed_attempts_with_an_activation_code_are_throttled(server: Server) -> None:
    activation = await server.call("create_activation", IamRole="role")
    body = {
        "ActivationId": activation["ActivationId"],
        "ActivationCode": "a" * 24,
        "Fingerprint": "print",
        "PublicKey": encode_public_key(rsa.generate_private_key(65537, 2048)),
        "PublicKeyType": "Rsa",
    }
    codes = []
    for _ in range(BURST + 5):
        _, answer = await server.json_call("AmazonSSM.RegisterManagedInstance", json.dumps(body).encode())
        codes.append(answer["__type"])
    assert codes == ["InvalidActivation"] * BURST + ["ThrottlingException"] * 5


async def test_failed_attempts_with_an_invitation_are_throttled(server: Server) -> None:
    members = {"InvitationId": "01234567-89ab-cdef-0123-456789abcdef", "InvitationToken": "a" * 32}
    codes = []
    for _ in range(BURST + 5):
        _, answer = await server.json_call("Ferryman.RedeemInvitation", json.dumps(members).encode())
        codes.append(answer["__type"])
    assert codes == ["InvalidInvitation"] * BURST + ["ThrottlingException"] * 5


async def test_an_invitation_is_recorded_without_its_token_and_key(server: Server, tmp_path: Path) -> None:
    def invite() -> dict[str, Any]:
        server.client("iam").create_user(UserName="alice")
        return dict(server.client("ferryman").create_invitation(UserName="alice"))

    made = await asyncio.to_thread(invite)
    members = {"InvitationId": made["Invitation"]["InvitationId"], "InvitationToken": made["InvitationToken"]}
    status, answer = await server.json_call("Ferryman.RedeemInvitation", json.dumps(members).encode())
    assert status == 200
    assert sorted(answer) == ["AccessKeyId", "SecretAccessKey", "UserName"]
    kept = await records(server, tmp_path)
    created, redeemed = [
        next(each for each in kept if each.get("eventName") == name)
        for name in ("CreateInvitation", "RedeemInvitation")
    ]
    assert created["requestParameters"]["userName"] == "alice"
    assert redeemed["requestParameters"]["invitationId"] == members["InvitationId"]
    assert redeemed["responseElements"]["accessKeyId"] == answer["AccessKeyId"]
    written = json.dumps(kept)
    assert members["InvitationToken"] not in written
    assert answer["SecretAccessKey"] not in written


async def test_used_token_is_refused_and_recorded(server: Server, tmp_path: Path) -> None:
    node = await server.register()
    await node.control()
    answer = await server.start(node)
    session_id = answer["SessionId"]
    client = await server.open_client(answer)
    await until(lambda: server.session(session_id), lambda session: not session.token_id)
    thief = await server.open_client(answer, "thief")
    assert await thief.closed() == 1008
    assert client.websocket.closed is False
    refusals = [
        each["detail"]
        for each in await records(server, tmp_path)
        if each.get("detail-type") == CHANNEL_CHANGE and each["detail"]["state"] == "Refused"
    ]
    assert [(each["sessionId"], each["end"], each["sourceIPAddress"], each["spentToken"]) for each in refusals] == [
        (session_id, "client", "127.0.0.1", True)
    ]
    assert answer["TokenValue"] not in json.dumps(refusals)


async def test_failed_attempts_with_a_session_token_are_throttled(server: Server, tmp_path: Path) -> None:
    node = await server.register()
    await node.control()
    answer = await server.start(node)
    for _ in range(BURST + 5):
        thief = await server.open_client(answer | {"TokenValue": "AAAA"}, "thief")
        assert await thief.closed() == 1008
    refusals = [each for each in await records(server, tmp_path) if each.get("detail", {}).get("state") == "Refused"]
    assert len(refusals) == BURST
    client = await server.open_client(answer)
    await until(lambda: server.session(answer["SessionId"]), lambda session: not session.token_id)
    assert client.websocket.closed is False


async def test_refused_attempts_are_summarised_when_the_server_stops(server: Server, tmp_path: Path) -> None:
    for _ in range(BURST + 3):
        await describe(server, key="AKIAAAAAAAAAAAAAAAAA")
    await server.shut_down()
    [summary] = [each["detail"] for each in await records(server, tmp_path) if each.get("detail-type") == FAILURES]
    assert summary | {"since": "", "until": ""} == {
        "sourceIPAddress": "127.0.0.1",
        "since": "",
        "until": "",
        "failed": BURST,
        "refused": 3,
        "claimed": ["AKIAAAAAAAAAAAAAAAAA"],
    }
