"""One caller with many connections: what they ask together delays others little, and their refusals are paced."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ratelimits.turns import NoPlace, Turns
from ferryman.core.service import Limits
from ferryman.model.identity.credentials import Credentials
from ferryman.server.http import steps
from ferryman.server.http.admission import throttling
from ferryman.server.http.admission.authentication import authenticate_caller
from ferryman.server.http.admission.throttling import (
    AGENTS_AUTHENTICATIONS,
    AUTHENTICATIONS,
    KEYS_OF_ONE_SITE,
    LARGEST_WAITING_BYTES,
    MOST_WAITING,
    REFUSED_AGENT_SECONDS,
    Party,
    agents_turns,
    authentication_turns,
    party_of,
)
from ferryman.server.http.admission.throttling import most_waiting as real_limit
from tests.server.running import Node, Server, nothing, until

TARGET = "AmazonSSM.DescribeSessions"
BODY = b'{"State":"Active"}'
CALLS = 40


async def call(server: Server, credentials: Credentials) -> tuple[int, str]:
    headers = server.signed("POST", "/", "", BODY, {"X-Amz-Target": TARGET}, credentials)
    status, answer = await server.json_call(TARGET, BODY, headers)
    return status, str(answer.get("__type", ""))


async def test_signatures_of_one_key_are_verified_a_few_at_a_time(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_user(server.service, "eve")
    eve = await create_access_key(server.service, "eve")
    verifying: Counter[str] = Counter()
    released = asyncio.Event()

    async def slowly(service: Any, request: Any, asked: Any) -> Any:
        key = "eve" if eve.access_key_id in dict(request.headers)["Authorization"] else "root"
        verifying[key] += 1
        if key == "eve":
            await released.wait()
        return await authenticate_caller(service, request, asked)

    monkeypatch.setattr(steps, "authenticate_caller", slowly)
    crowd = [asyncio.create_task(call(server, eve)) for _ in range(CALLS)]
    await until(nothing, lambda _: verifying["eve"] == AUTHENTICATIONS - 1)
    assert (await call(server, server.administrator))[0] == 200
    assert verifying == {"eve": AUTHENTICATIONS - 1, "root": 1}
    released.set()
    assert set(await asyncio.gather(*crowd)) == {(400, "AccessDeniedException")}


async def inform(
    server: Server, node: Node, address: str = "127.0.0.1", more_headers: dict[str, str] | None = None
) -> int:
    target = "AmazonSSM.UpdateInstanceInformation"
    members = {"InstanceId": node.node_id, "AgentVersion": "1.0.0.0", "AgentStatus": "Active", "IPAddress": address}
    body = json.dumps(members).encode()
    headers = server.signed("POST", "/", "", body, {"X-Amz-Target": target, **(more_headers or {})}, node.credentials)
    return (await server.json_call(target, body, headers))[0]


async def test_nobody_waits_behind_agents_that_connect_their_nodes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands of them come back together after a restart, each with a key of its own."""
    nodes = [await server.register() for _ in range(AGENTS_AUTHENTICATIONS + 2)]
    verifying: Counter[str] = Counter()
    released = asyncio.Event()

    async def slowly(service: Any, request: Any, asked: Any) -> Any:
        verifying[asked.operation] += 1
        if asked.operation == "UpdateInstanceInformation":
            await released.wait()
        return await authenticate_caller(service, request, asked)

    monkeypatch.setattr(steps, "authenticate_caller", slowly)
    agents = [asyncio.create_task(inform(server, node)) for node in nodes]
    await until(nothing, lambda _: verifying["UpdateInstanceInformation"] == AGENTS_AUTHENTICATIONS)
    for _ in range(AUTHENTICATIONS):
        assert (await call(server, server.administrator))[0] == 200
    assert verifying["UpdateInstanceInformation"] == AGENTS_AUTHENTICATIONS
    released.set()
    assert set(await asyncio.gather(*agents)) == {200}


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8:7:{:x}::1"])
@pytest.mark.parametrize("turns_of", [agents_turns, authentication_turns])
async def test_keys_made_up_at_one_site_keep_nobody_waiting_elsewhere(
    turns_of: Callable[[], Turns[Party]], address: str
) -> None:
    turns = turns_of()
    served: list[str] = []

    async def work(address: str, key: str) -> None:
        async with turns.turn(party_of(address, key)):
            served.append(address)
            await asyncio.sleep(0)

    crowd = [asyncio.create_task(work(address.format(number), f"key-{number}")) for number in range(MOST_WAITING)]
    honest = asyncio.create_task(work("198.51.100.1", "key"))
    await honest
    assert len(served) <= KEYS_OF_ONE_SITE + 3 * AUTHENTICATIONS
    outcomes = await asyncio.gather(*crowd, return_exceptions=True)
    assert [type(each) for each in outcomes if each is not None] == [NoPlace]


async def test_agents_that_are_half_done_have_places_where_others_are_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would begin again, and a crowd would keep the server busy with hardly anyone connecting."""
    *crowd, late, half_done = [await server.register() for _ in range(AGENTS_AUTHENTICATIONS + 2)]
    pauses: list[tuple[float, bool]] = []
    verifying: Counter[str] = Counter()
    arrived: list[str] = []
    released = asyncio.Event()

    def most_waiting(operation: str, *, upgrade: bool) -> int | None:
        arrived.append(operation)
        return real_limit(operation, upgrade=upgrade)

    async def pause(_: Any, seconds: float, *, evictable: bool) -> bool:
        pauses.append((seconds, evictable))
        return True

    async def slowly(service: Any, request: Any, asked: Any) -> Any:
        verifying[asked.operation] += 1
        if asked.operation == "UpdateInstanceInformation":
            await released.wait()
        return await authenticate_caller(service, request, asked)

    monkeypatch.setattr(steps, "authenticate_caller", slowly)
    monkeypatch.setattr(throttling, "pause", pause)
    monkeypatch.setattr(throttling, "most_waiting", most_waiting)
    monkeypatch.setattr(throttling, "MOST_BEFORE_INFORMING", AGENTS_AUTHENTICATIONS)
    running = [asyncio.create_task(inform(server, node)) for node in crowd]
    await until(nothing, lambda _: verifying["UpdateInstanceInformation"] == AGENTS_AUTHENTICATIONS)
    assert await inform(server, late) == 503
    assert pauses == [(REFUSED_AGENT_SECONDS, True)]  # a server that refuses immediately would get all agents
    assert await inform(server, late, "x" * LARGEST_WAITING_BYTES) == 503
    assert await inform(server, late, more_headers={"X-Long": "x" * LARGEST_WAITING_BYTES}) == 503
    assert len(pauses) == 1
    connecting = asyncio.create_task(half_done.control())
    await until(nothing, lambda _: "CreateControlChannel" in arrived)
    released.set()
    await connecting
    assert set(await asyncio.gather(*running)) == {200}


async def test_whoever_leaves_while_waiting_is_not_verified(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    verifying: list[None] = []
    released = asyncio.Event()

    async def slowly(service: Any, request: Any, asked: Any) -> Any:
        verifying.append(None)
        await released.wait()
        return await authenticate_caller(service, request, asked)

    monkeypatch.setattr(steps, "authenticate_caller", slowly)
    first = [asyncio.create_task(call(server, server.administrator)) for _ in range(AUTHENTICATIONS - 1)]
    await until(nothing, lambda _: len(verifying) == len(first))
    waiting = [asyncio.create_task(call(server, server.administrator)) for _ in range(CALLS)]
    await asyncio.sleep(0.5)  # most of them have arrived by now; if not, less is tested
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    released.set()
    assert {status for status, _ in await asyncio.gather(*first)} == {200}
    assert (await call(server, server.administrator))[0] == 200
    assert len(verifying) < len(first) + CALLS


class TestRefusals:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_burst=1, calls_per_second=0.001)

    async def test_refusals_of_a_crowd_are_paced(self, server: Server) -> None:
        assert (await call(server, server.administrator))[0] == 200
        began = asyncio.get_running_loop().time()
        answers = await asyncio.gather(*(call(server, server.administrator) for _ in range(CALLS)))
        assert set(answers) == {(400, "ThrottlingException")}
        assert asyncio.get_running_loop().time() - began > 2.0  # together they would take a quarter of a second
