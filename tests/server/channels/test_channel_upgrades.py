"""Upgrades to control channels and data channels: signatures and headers."""

import uuid
from typing import Any

import pytest
from structlog.testing import capture_logs

from ferryman.core.ratelimits.failed_attempts import CLAIM_BURST
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.server.timeouts import Timeouts
from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import Publication, decode_payload
from tests.server.running import REGION, Server, until
from tests.server.upgrades import TIMEOUTS, refused_upgrade


@pytest.fixture
def timeouts() -> Timeouts:
    return TIMEOUTS


def wrongly_signed(server: Server, path: str, fault: str) -> dict[str, str]:
    """The headers of an upgrade whose signature does not hold for this fault."""
    known = server.administrator
    key = "AKIAAAAAAAAAAAAAAAAA" if fault == "key" else known.access_key_id
    signer = Credentials(key, Secret("wrong") if fault == "secret" else known.secret_access_key)
    query, service = "role=x" if fault == "query" else "", "ssm" if fault == "service" else "ssmmessages"
    headers = server.signed("GET", path, query, b"", None, signer, service)
    if fault == "region":
        headers["Authorization"] = headers["Authorization"].replace(f"/{REGION}/", "//")
    return headers


# Upgrades


async def test_a_control_channel_must_be_signed(server: Server) -> None:
    node = await server.register()
    assert await refused_upgrade(server, f"/v1/control-channel/{node.node_id}?role=subscribe&stream=input") == 403


async def test_node_cannot_open_another_nodes_control_channel(server: Server) -> None:
    node, other = await server.register(), await server.register()
    path = f"/v1/control-channel/{other.node_id}"
    assert await refused_upgrade(server, path, node.signed("GET", path)) == 403
    headers = server.signed("GET", path, "", b"", service="ssmmessages")
    assert await refused_upgrade(server, path, headers) == 403


async def test_a_signature_covers_the_query(server: Server) -> None:
    node = await server.register()
    path = f"/v1/control-channel/{node.node_id}"
    headers = node.signed("GET", path, "role=subscribe&stream=input")
    assert await refused_upgrade(server, f"{path}?role=subscribe&stream=output", headers) == 403


async def test_an_agents_data_channel_without_a_signature_is_a_clients(server: Server) -> None:
    paired = await server.paired()
    token = await paired.node.create_channel("data", paired.session_id)
    peer = await server.dial(f"/v1/data-channel/{paired.session_id}")
    await peer.text(
        {
            "MessageSchemaVersion": "1.0",
            "RequestId": "r",
            "TokenValue": token,
            "ClientInstanceId": paired.node.node_id,
            "ClientId": "",
        }
    )
    assert await peer.closed() == 1008


async def test_a_signed_client_is_accepted(server: Server) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    path = f"/v1/data-channel/{ticket['SessionId']}"
    await _joins(server, ticket, server.signed("GET", path, "", b"", service="ssmmessages"))


@pytest.mark.parametrize(
    "authorization", ["Bearer x", "AWS4-HMAC-SHA256", "Basic dXNlcjpwYXNz", "AWS4-HMAC-SHA256 x=y"]
)
async def test_authorization_without_a_signature_is_ignored(server: Server, authorization: str) -> None:
    node = await server.register()
    await node.control()
    with capture_logs() as logs:
        await _joins(server, await server.start(node), {"Authorization": authorization})
    ignored = [each["error"] for each in logs if each["event"] == "upgrade signature ignored"]
    assert ignored == ["IncompleteSignatureException"]


@pytest.mark.parametrize("fault", ["secret", "key", "region", "service", "query"])
async def test_unverifiable_signature_of_a_client_is_ignored(server: Server, fault: str) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    headers = wrongly_signed(server, f"/v1/data-channel/{ticket['SessionId']}", fault)
    await _joins(server, ticket, headers)


async def test_failed_attempts_with_a_key_on_upgrades_are_throttled(server: Server) -> None:
    node = await server.register()
    await node.control()
    path = f"/v1/data-channel/{(await server.start(node))['SessionId']}"
    headers = wrongly_signed(server, path, "key")
    server.clock.stop()
    for _ in range(int(CLAIM_BURST)):
        await (await server.dial(path, headers)).close()
    assert await refused_upgrade(server, path, headers) == 400


async def test_unverifiable_signature_opens_no_agent_channel(server: Server) -> None:
    paired = await server.paired()
    token = await paired.node.create_channel("data", paired.session_id)
    path = f"/v1/data-channel/{paired.session_id}"
    headers = paired.node.signed("GET", path, "role=other")
    peer = await server.dial(path, headers)
    opening = {"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": token}
    await peer.text({**opening, "ClientInstanceId": paired.node.node_id, "ClientId": ""})
    assert await peer.closed() == 1008


@pytest.mark.parametrize("version", ["1.2.707.0", None])
async def test_the_agent_learns_whether_the_client_names_its_version(server: Server, version: str | None) -> None:
    node = await server.register()
    await node.control()
    ticket = await server.start(node)
    peer = await server.dial(f"/v1/data-channel/{ticket['SessionId']}")
    opening = {"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": ticket["TokenValue"]}
    await peer.text(opening if version is None else {**opening, "ClientVersion": version})
    agent = await node.data(ticket["SessionId"])
    publication = decode_payload((await agent.until(MessageType.START_PUBLICATION)).payload, Publication)
    assert publication.handshake is (version is not None)


async def _joins(server: Server, ticket: dict[str, Any], headers: dict[str, str]) -> None:
    peer = await server.dial(f"/v1/data-channel/{ticket['SessionId']}", headers)
    opening = {"RequestId": "r", "TokenValue": ticket["TokenValue"], "ClientId": str(uuid.uuid4())}
    await peer.text({"MessageSchemaVersion": "1.0", **opening})
    await until(lambda: server.session(ticket["SessionId"]), lambda session: session.token_id is None)


async def test_request_without_an_upgrade_is_refused(server: Server) -> None:
    node = await server.register()
    path = f"/v1/control-channel/{node.node_id}"
    async with server.http.get(server.url_of(path), headers=node.signed("GET", path)) as answer:
        assert answer.status == 400


async def test_compression_is_never_negotiated(server: Server) -> None:
    peer = await server.dial("/v1/data-channel/root-0", compress=15)
    assert peer.websocket.compress == 0
