"""LookupEvents by boto3 over the trails of two servers, which ask each other over a real NATS."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ferryman.audit.files import TrailFiles
from ferryman.audit.lookup import TrailLookup
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit import trails
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.lookup import UNSEARCHED, search_of
from ferryman.core.audit.records import trail_event
from ferryman.core.audit.trails import answering, trail_subject
from ferryman.core.ports.audit import TrailHead
from ferryman.core.record_budget import RecordBudget
from ferryman.core.service import Service
from tests.server.running import Recorded, Server

HEAD = TrailHead(1, 1, "a" * 64)


@pytest.fixture
async def with_trail(tmp_path: Path) -> AsyncIterator[Callable[[str], Recorded]]:
    """Gives a service a trail of a name."""
    opened: list[TrailWriter] = []

    def named(name: str) -> Recorded:
        def record(service: Service) -> Service:
            directory = tmp_path / name
            writer = TrailWriter(
                TrailFiles(directory, 1 << 24), chain_key(service.vault), partial(trail_event, service)
            )
            opened.append(writer)
            found = TrailLookup(directory, lambda: [chain_key(service.vault)])
            return replace(service, trail=writer, recorded_events=found, server_name=name)

        return record

    yield named
    for each in opened:
        await each.close()


@pytest.fixture
def recorded(with_trail: Callable[[str], Recorded]) -> Recorded:
    return with_trail("one")


@pytest.fixture
def other_recorded(with_trail: Callable[[str], Recorded]) -> Recorded:
    return with_trail("two")


async def looked_up(server: Server, name: str) -> list[dict[str, Any]]:
    """All events of a name, by boto3's own paginator."""
    vars(server.service.records).update(vars(RecordBudget()))  # of what each second allows
    client = await asyncio.to_thread(server.client, "cloudtrail")
    pages = client.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": name}]
    )
    return await asyncio.to_thread(lambda: [event for page in pages for event in page["Events"]])


async def test_calls_to_both_servers_are_found_and_one_that_does_not_answer_is_named(
    server: Server, other: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        await server.store.trail_heads.record(name, HEAD)
    handler = answering(other.service, search_of)
    subscription = await other.service.bus.subscribe(trail_subject("two"), handler)
    called = []
    for each in (server, other, server):
        answer = await each.call("create_activation", IamRole="role")
        called.append(answer["ResponseMetadata"]["RequestId"])
        await each.service.trail.keep({"eventTime": "0", "mark": True})  # once this is written, so is the call

    found = [json.loads(event["CloudTrailEvent"]) for event in await looked_up(server, "CreateActivation")]
    assert [each["requestID"] for each in found] == called[::-1]

    await subscription.close()
    [missing, *found] = await looked_up(server, "CreateActivation")
    assert missing["EventName"] == UNSEARCHED
    details = json.loads(missing["CloudTrailEvent"])["serviceEventDetails"]
    assert details["servers"] == {"two": "it is not running, or is cut off from NATS"}
    assert [json.loads(each["CloudTrailEvent"])["requestID"] for each in found] == [called[2], called[0]]

    async def hang(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    monkeypatch.setattr(trails, "ANSWER_SECONDS", 0.2)
    await other.service.bus.subscribe(trail_subject("two"), hang)
    [missing, *_] = await looked_up(server, "CreateActivation")
    assert json.loads(missing["CloudTrailEvent"])["serviceEventDetails"]["servers"] == {
        "two": "it did not answer within 5 s"
    }
