"""The client of a request behind a proxy, as trusted proxies name it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from multidict import CIMultiDict

from ferryman.audit.files import TrailFiles
from ferryman.audit.reader import newest_first
from ferryman.audit.writer import TrailWriter
from ferryman.core.audit.chain import chain_key
from ferryman.core.audit.records import CHANNEL_CHANGE, FAILURES, NODE_CHANGE, trail_event
from ferryman.core.iam.operator import create_access_key, create_user
from ferryman.core.ratelimits.failed_attempts import ADDRESS_BURST
from ferryman.core.service import Service
from ferryman.model.errors import ServiceError
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.server.http.forwarded import MOST_HOPS, ForwardedClient, ProxyHeader, TrustedProxies
from tests.server.running import Recorded, Server

NETWORKS = [ip_network("127.0.0.1/32"), ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]
CLIENT = "203.0.113.9"
TARGET = "AmazonSSM.DescribeSessions"
BODY = b'{"State":"Active"}'


def client_of(
    headers: list[tuple[str, str]], peer: str = "127.0.0.1", header: ProxyHeader = ProxyHeader.X_FORWARDED_FOR
) -> ForwardedClient:
    return TrustedProxies(NETWORKS, header).client_of(peer, CIMultiDict(headers), secure=False)


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ([], "127.0.0.1"),
        ([CLIENT], CLIENT),
        (["198.51.100.1, " + CLIENT], CLIENT),  # the client's own claim
        (["10.0.0.1," + CLIENT], CLIENT),
        ([f"{CLIENT}, 10.0.0.7"], CLIENT),  # two proxies
        ([CLIENT, "10.0.0.7"], CLIENT),
        (["198.51.100.1", CLIENT, "10.0.0.7, 10.1.2.3"], CLIENT),
        (["nonsense, " + CLIENT], CLIENT),
        ([f"{CLIENT}:4711"], CLIENT),
        (["2001:db8:2::1"], "2001:db8:2::1"),
        (["[2001:DB8:2::1]:4711"], "2001:db8:2::1"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        ([f"{CLIENT}, ::ffff:10.0.0.1"], CLIENT),
        ([f"{CLIENT}, 2001:db8:1::5"], CLIENT),
        (["10.0.0.9, 10.0.0.7"], "10.0.0.9"),  # a caller from the proxies' own network
        ([", ,"], "127.0.0.1"),
    ],
)
def test_x_forwarded_for_is_read_from_right_to_left(values: list[str], address: str) -> None:
    assert client_of([("X-Forwarded-For", value) for value in values]).address == address


@pytest.mark.parametrize(
    ("values", "address"),
    [
        ([f"for={CLIENT}"], CLIENT),
        ([f"For={CLIENT};proto=https;by=10.0.0.1"], CLIENT),
        ([f'for="{CLIENT}:4711"'], CLIENT),
        (['for="[2001:db8:2::1]:4711"'], "2001:db8:2::1"),
        ([f"for=198.51.100.1, for={CLIENT}"], CLIENT),
        ([f"for={CLIENT}, for=10.0.0.7"], CLIENT),
        ([f"for={CLIENT}", "for=10.0.0.7"], CLIENT),
        ([f'for="a, for=198.51.100.1;x=\\"", for={CLIENT}'], CLIENT),
        (['for=198.51.100.1;x="', f"for={CLIENT}"], CLIENT),  # an open quotation mark on a line of its own
        ([f"for={CLIENT};proto=http, "], CLIENT),
    ],
)
def test_forwarded_is_read_from_right_to_left(values: list[str], address: str) -> None:
    headers = [("Forwarded", value) for value in values]
    assert client_of(headers, header=ProxyHeader.FORWARDED).address == address


@pytest.mark.parametrize(
    ("header", "value"),
    [
        (ProxyHeader.X_FORWARDED_FOR, "unknown"),
        (ProxyHeader.X_FORWARDED_FOR, "198.51.100.1, _hidden"),
        (ProxyHeader.X_FORWARDED_FOR, "203.0.113.999"),
        (ProxyHeader.X_FORWARDED_FOR, "fe80::1%eth0"),
        (ProxyHeader.X_FORWARDED_FOR, ",".join(["10.0.0.1"] * (MOST_HOPS + 1))),
        (ProxyHeader.FORWARDED, "for=unknown"),
        (ProxyHeader.FORWARDED, "proto=https"),
        (ProxyHeader.FORWARDED, f'for=198.51.100.1;x=", for={CLIENT}'),  # swallows what the proxy added
        (ProxyHeader.FORWARDED, f"for=198.51.100.1;for={CLIENT}"),
        (ProxyHeader.FORWARDED, "for"),
    ],
)
def test_unreadable_forwarded_header_is_refused(header: ProxyHeader, value: str) -> None:
    with pytest.raises(ServiceError, match=f"The proxy's {header} header does not name its client"):
        client_of([(header.value, value)], header=header)


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Proto", "Forwarded"])
def test_overlong_header_is_refused_before_it_is_parsed(name: str) -> None:
    header = ProxyHeader.FORWARDED if name == "Forwarded" else ProxyHeader.X_FORWARDED_FOR
    lines = [(name, "," * 1024)] * 9
    assert client_of(lines[:8], header=header).address == "127.0.0.1"
    with pytest.raises(ServiceError, match=f"The header {name} has more than 8192 characters"):
        client_of(lines, header=header)


def test_headers_of_peers_that_are_not_trusted_are_ignored() -> None:
    headers = [("X-Forwarded-For", CLIENT), ("X-Forwarded-Proto", "https"), ("Forwarded", f"for={CLIENT};proto=https")]
    for peer in ("198.51.100.77", "2001:db8:2::1", "127.0.0.2"):
        for header in ProxyHeader:
            assert client_of(headers, peer, header) == ForwardedClient(peer, secure=False)


def test_the_other_header_is_ignored() -> None:
    both = [("X-Forwarded-For", "198.51.100.1"), ("X-Forwarded-Proto", "https"), ("Forwarded", f"for={CLIENT}")]
    assert client_of(both) == ForwardedClient("198.51.100.1", secure=True)
    assert client_of(both, header=ProxyHeader.FORWARDED) == ForwardedClient(CLIENT, secure=False)


@pytest.mark.parametrize(
    ("protos", "secure"),
    [
        ([], False),
        (["https"], True),
        (["HTTPS"], True),
        (["http"], False),
        (["https, http"], False),
        (["", "x"], False),
    ],
)
def test_x_forwarded_proto(protos: list[str], secure: bool) -> None:
    headers = [("X-Forwarded-For", CLIENT), *(("X-Forwarded-Proto", each) for each in protos)]
    assert client_of(headers).secure is secure


def test_the_proto_of_forwarded_is_that_of_the_clients_own_hop() -> None:
    forged = f"for=1.2.3.4;proto=https, for={CLIENT};proto=http, for=10.0.0.7;proto=https"
    assert not client_of([("Forwarded", forged)], header=ProxyHeader.FORWARDED).secure
    honest = f"for={CLIENT};proto=https, for=10.0.0.7;proto=http"
    assert client_of([("Forwarded", honest)], header=ProxyHeader.FORWARDED).secure


class Behind:
    """Calls as a proxy on this machine passes them on."""

    def __init__(self, server: Server, directory: Path) -> None:
        self.server = server
        self.directory = directory

    async def describe(self, headers: dict[str, str], credentials: Credentials | None = None) -> tuple[int, str]:
        sent = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}
        signed = self.server.signed("POST", "/", "", BODY, sent, credentials)
        status, answer = await self.server.json_call(TARGET, BODY, signed | headers)
        return status, str(answer.get("__type", ""))

    async def records(self) -> list[dict[str, Any]]:
        await self.server.service.trail.keep({"test": "mark"})
        return list(newest_first(self.directory))[::-1]


@pytest.fixture
async def recorded(tmp_path: Path) -> AsyncIterator[Recorded]:
    opened: list[TrailWriter] = []

    def record(service: Service) -> Service:
        files = TrailFiles(tmp_path / "audit", 1 << 24)
        opened.append(TrailWriter(files, chain_key(service.vault), partial(trail_event, service)))
        return replace(service, trail=opened[0])

    yield record
    await opened[0].close()


@pytest.fixture
def behind(server: Server, tmp_path: Path) -> Behind:
    return Behind(server, tmp_path / "audit")


async def bound_caller(server: Server) -> Credentials:
    """A user who may list sessions from the client's address over TLS only."""
    user = await create_user(server.service, "bound")
    condition = {"IpAddress": {"aws:SourceIp": f"{CLIENT}/32"}, "Bool": {"aws:SecureTransport": "true"}}
    statement = {"Effect": "Allow", "Action": "ssm:DescribeSessions", "Resource": "*", "Condition": condition}
    await server.store.policies.put_inline(user.user_id, "p", json.dumps({"Statement": statement}))
    return await create_access_key(server.service, "bound")


FORWARDED = {"X-Forwarded-For": CLIENT, "X-Forwarded-Proto": "https"}


class TestTrusted:
    @pytest.fixture
    def proxies(self) -> TrustedProxies:
        return TrustedProxies(NETWORKS)

    async def test_conditions_and_records_use_the_clients_address(self, server: Server, behind: Behind) -> None:
        bound = await bound_caller(server)
        assert await behind.describe(FORWARDED, bound) == (200, "")
        for headers in ({}, {**FORWARDED, "X-Forwarded-Proto": "http"}, {**FORWARDED, "X-Forwarded-For": "192.0.2.1"}):
            assert await behind.describe(headers, bound) == (400, "AccessDeniedException")
        calls = [
            each["sourceIPAddress"] for each in await behind.records() if each.get("eventName") == "DescribeSessions"
        ]
        assert calls == [CLIENT, "127.0.0.1", CLIENT, "192.0.2.1"]

    async def test_a_header_that_does_not_name_the_client_is_refused(self, behind: Behind) -> None:
        assert await behind.describe({"X-Forwarded-For": "unknown"}) == (400, "ValidationException")

    async def test_failed_attempts_are_counted_by_the_clients_address(self, server: Server, behind: Behind) -> None:
        server.clock.stop()  # a slow machine earns no attempts back meanwhile
        wrong = replace(server.administrator, secret_access_key=Secret("wrong"))
        for number in range(int(ADDRESS_BURST)):
            guess = replace(wrong, access_key_id=f"AKIA{number:016}")
            assert await behind.describe(FORWARDED, guess) == (400, "UnrecognizedClientException")
        assert await behind.describe(FORWARDED, wrong) == (400, "ThrottlingException")
        others = {**FORWARDED, "X-Forwarded-For": "198.51.100.1"}
        assert await behind.describe(others, wrong) == (400, "InvalidSignatureException")
        await server.shut_down()
        (summary,) = [each["detail"] for each in await behind.records() if each.get("detail-type") == FAILURES]
        assert summary["sourceIPAddress"] == CLIENT

    async def test_channels_are_recorded_with_the_clients_address(self, server: Server, behind: Behind) -> None:
        node = await server.register()
        token = await node.create_channel("control", node.node_id)
        path, query = f"/v1/control-channel/{node.node_id}", "role=subscribe&stream=input"
        peer = await server.dial(f"{path}?{query}", node.signed("GET", path, query) | FORWARDED)
        opening = {"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": token, "AgentVersion": "3.3.0.0"}
        await peer.text(opening)
        await server.until_connected(node.node_id)
        started = await server.start(node)
        client = await server.dial(f"/v1/data-channel/{started['SessionId']}", FORWARDED)
        await client.text({"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": "wrong"})
        await client.closed()
        events = await behind.records()
        (connected,) = [
            each["detail"]
            for each in events
            if each.get("detail-type") == NODE_CHANGE and each["detail"]["status"] == "Connected"
        ]
        assert connected["sourceIPAddress"] == CLIENT
        (refused,) = [each["detail"] for each in events if each.get("detail-type") == CHANNEL_CHANGE]
        assert (refused["state"], refused["sourceIPAddress"]) == ("Refused", CLIENT)


async def test_without_trusted_proxies_no_header_counts(server: Server, behind: Behind) -> None:
    bound = await bound_caller(server)
    for headers in (FORWARDED, {"Forwarded": f"for={CLIENT};proto=https"}):
        assert await behind.describe(headers, bound) == (400, "AccessDeniedException")
    assert {each["sourceIPAddress"] for each in await behind.records() if "sourceIPAddress" in each} == {"127.0.0.1"}
