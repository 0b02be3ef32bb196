"""Callers without permissions cannot flood the audit trail: their records are small, and soon only counted."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit.files import TrailFiles
from ferryman.audit.reader import newest_first
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.records import CHANNEL_CHANGE, NODE_CHANGE, trail_event
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.service import Service
from ferryman.model.identity.credentials import Credentials
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.rsa import encode_public_key, sign_rsa
from tests.server.running import REGION, Recorded, Server, until

NODE = "mi-0123456789abcdef0"
BURST = 100
"""Refused calls of one caller that are recorded by themselves."""


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recorded]:
    opened: list[TrailWriter] = []

    def record(service: Service) -> Service:
        files = TrailFiles(tmp_path / "audit", 1 << 24)
        opened.append(TrailWriter(files, chain_key(service.vault), partial(trail_event, service)))
        return replace(service, trail=opened[0])

    yield record
    await opened[0].close()


@pytest.fixture(autouse=True)
def _stopped(server: Server) -> None:
    """A slow machine earns nothing back meanwhile."""
    server.clock.stop()


@pytest.fixture
async def stranger(server: Server) -> Credentials:
    """A user who may do nothing."""
    await create_user(server.service, "stranger", None)
    return await create_access_key(server.service, "stranger")


async def call(server: Server, credentials: Credentials, operation: str, **parameters: Any) -> str:
    """Call an operation; return the error's code, or ""."""
    target, body = f"AmazonSSM.{operation}", json.dumps(parameters, ensure_ascii=False).encode()
    signed = server.signed("POST", "/", "", body, {"X-Amz-Target": target}, credentials)
    _, answer = await server.json_call(target, body, signed)
    return str(answer.get("__type", ""))


async def records(server: Server, directory: Path) -> list[dict[str, Any]]:
    await server.service.trail.keep({"test": "mark"})
    return list(newest_first(directory / "audit"))[::-1]


def summaries(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each["detail"] for each in found if each.get("detail-type") == "Repeated Records Summary"]


@pytest.mark.parametrize("character", ["x", "é", "\u0001", "\U0001f6a2"])
async def test_a_denied_call_with_large_parameters_makes_a_small_record(
    server: Server, stranger: Credentials, tmp_path: Path, character: str
) -> None:
    await call(server, stranger, "StartSession", Target=NODE, Parameters={"host": [character * 600] * 40})
    filters = [{"Key": "InstanceIds", "Values": [character * 600] * 40}] * 5
    await call(server, stranger, "DescribeInstanceInformation", Filters=filters)
    found = [each for each in await records(server, tmp_path) if "errorCode" in each]
    assert [each["eventName"] for each in found] == ["StartSession", "DescribeInstanceInformation"]
    assert all(len(json.dumps(each, ensure_ascii=False).encode()) < 8 * 1024 for each in found)
    assert found[0]["requestParameters"]["target"] == NODE


async def test_denied_calls_beyond_the_callers_allowance_are_summed_up(
    server: Server, stranger: Credentials, tmp_path: Path
) -> None:
    for _ in range(BURST + 7):
        assert await call(server, stranger, "TerminateSession", SessionId="root-0123456789abcdef0")
    assert await call(server, stranger, "StartSession", Target=NODE)
    server.clock.advance(60)
    assert await call(server, server.administrator, "StartSession", Target=NODE)  # others are recorded as ever
    await server.shut_down()
    found = await records(server, tmp_path)
    refused = [each["eventName"] for each in found if "errorCode" in each]
    assert refused == ["TerminateSession"] * BURST + ["StartSession"]
    [summary] = summaries(found)
    assert summary["records"] == 8
    assert {name.split()[0]: count for name, count in summary["counts"].items()} == {
        "ssm:TerminateSession": 7,
        "ssm:StartSession": 1,
    }
    assert summary["callers"] == ["arn:aws:iam::123456789012:user/stranger"]
    assert summary["accessKeyIds"] == [stranger.access_key_id]
    assert summary["sourceIPAddresses"] == ["127.0.0.1"]


async def test_repeated_connections_of_a_node_are_summarised(server: Server, tmp_path: Path) -> None:
    node = await server.register()
    for _ in range(70):
        peer = await node.control()
        await peer.close()
        await until(server.health, lambda health: not health["channels"])  # or the next would replace it
    await server.shut_down()
    found = await records(server, tmp_path)
    changes = [each for each in found if each.get("detail-type") == NODE_CHANGE]
    assert len(changes) < 70
    [summary] = summaries(found)
    assert summary["principalId"] == node.node_id
    assert summary["records"] >= 70
    assert all(kind.startswith(NODE_CHANGE) for kind in summary["counts"])


async def test_repeated_refusals_of_a_node_are_summarised(server: Server, tmp_path: Path) -> None:
    node = await server.register()
    await node.control()
    session_id = (await server.start(node))["SessionId"]
    for _ in range(BURST + 5):
        assert await (await node.data(session_id, token="AAAA")).closed() == 1008
    await server.shut_down()
    found = await records(server, tmp_path)
    refused = [each for each in found if each.get("detail-type") == CHANNEL_CHANGE]
    assert len(refused) == BURST
    [summary] = summaries(found)
    assert summary["callers"] == [node.node_id]


async def test_refusals_for_many_sessions_of_one_node_are_summarised(server: Server, tmp_path: Path) -> None:
    node = await server.register()
    for number in range(BURST + 5):
        assert await (await node.data(f"root-{number:017x}", token="AAAA")).closed() == 1008
    await server.shut_down()
    found = await records(server, tmp_path)
    assert len([each for each in found if each.get("detail-type") == CHANNEL_CHANGE]) == BURST
    [summary] = summaries(found)
    assert (summary["principalId"], summary["records"]) == (node.node_id, 5)


async def test_key_rotations_of_a_node_are_limited(server: Server) -> None:
    node = await server.register()
    target = "AmazonSSM.UpdateManagedInstancePublicKey"
    body = json.dumps({"NewPublicKey": encode_public_key(node.private_key), "NewPublicKeyType": "Rsa"}).encode()
    headers = {
        "Host": f"127.0.0.1:{server.port}",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": target,
    }
    request = SignableRequest("POST", "/", "", list(headers.items()), body)
    moment = datetime.fromtimestamp(server.clock() / 1000, UTC)
    headers |= sign_rsa(request, node.node_id, node.private_key, REGION, moment)
    answers = [await server.json_call(target, body, headers) for _ in range(21)]
    assert [status for status, _ in answers] == [200] * 20 + [400]
    assert answers[-1][1]["__type"] == "ThrottlingException"


async def test_calls_that_need_no_permission_are_limited(server: Server, stranger: Credentials) -> None:
    body = b"Action=GetSessionToken&Version=2011-06-15"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    statuses = []
    for _ in range(300):  # some come back with time
        signed = server.signed("POST", "/", "", body, headers, stranger, "sts")
        async with server.http.post(server.url, data=body, headers=signed) as answer:
            statuses.append((answer.status, b"Throttling" in await answer.read()))
    assert statuses[:200] == [(200, False)] * 200
    assert (400, True) in statuses
