"""Calls with the signature in the query: few are accepted, for a short time, and with one reading only."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from ferryman.core.service import Limits
from ferryman.model.identity.credentials import Credentials
from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
from tests.server.callers.signed_calls import signed_call
from tests.server.raw_connections import HEALTH, UPGRADE, Raw
from tests.server.running import REGION, Server
from tests.waiting import PATIENCE


def url_of(server: Server, operation: str, service: str = "sts", expires: int = 900, **parameters: Any) -> str:
    client = server.client(service)
    return str(client.generate_presigned_url(operation, Params=parameters, ExpiresIn=expires, HttpMethod="GET"))


async def get(server: Server, url: str) -> tuple[int, str]:
    async with server.http.get(server.url_of(url.removeprefix(server.url))) as answer:
        return answer.status, await answer.text()


def presigned(server: Server, service: str, request: AWSRequest, credentials: Credentials | None = None) -> str:
    """The request's target with a signature in its query."""
    given = credentials or server.administrator
    token = given.session_token.reveal() if given.session_token else None
    keys = BotocoreCredentials(given.access_key_id, given.secret_access_key.reveal(), token)
    SigV4QueryAuth(keys, service, REGION, 900).add_auth(request)
    parts = urlsplit(request.url)
    return f"{parts.path}?{parts.query}"


async def test_caller_identity_for_fifteen_minutes(server: Server) -> None:
    server.clock.stop()
    url = url_of(server, "get_caller_identity")
    for _ in range(2):
        status, text = await get(server, url)
        assert status == 200, text
        assert "user/root" in text
    server.clock.advance(890)
    assert (await get(server, url))[0] == 200
    server.clock.advance(20)
    status, text = await get(server, url)
    assert status == 403
    assert "Signature expired" in text


async def test_a_longer_lifetime_is_refused(server: Server) -> None:
    status, text = await get(server, url_of(server, "get_caller_identity", expires=901))
    assert status == 400
    assert "<Code>IncompleteSignature</Code>" in text
    assert "X-Amz-Expires must be from 1 to 900 seconds (15 minutes), not '901'" in text


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("sts", "get_session_token", {}),
        ("sts", "assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "mallory"}),
        ("iam", "list_users", {}),
        ("iam", "create_user", {"UserName": "mallory"}),
    ],
)
async def test_any_other_query_call_is_refused(
    server: Server, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    status, text = await get(server, url_of(server, operation, service, **parameters))
    assert status == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in text
    assert "cannot be called with a presigned URL" in text
    assert await server.store.identities.user_named("mallory") is None


async def test_a_presigned_json_call_is_refused(server: Server) -> None:
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.DescribeSessions"}
    request = AWSRequest("POST", f"{server.url}/", headers, b'{"State":"Active"}')
    target = presigned(server, "ssm", request)
    async with server.http.post(server.url_of(target), data=b'{"State":"Active"}', headers=headers) as answer:
        refused = await answer.json(content_type=None)
    assert (answer.status, refused["__type"]) == (400, "InvalidSignatureException")
    assert "DescribeSessions cannot be called with a presigned URL" in refused["message"]


async def test_a_presigned_channel_call_is_refused(server: Server) -> None:
    node = await server.register()
    request = AWSRequest("POST", f"{server.url}/v1/control-channel/{node.node_id}", {}, b"{}")
    target = presigned(server, "ssmmessages", request, node.credentials)
    async with server.http.post(server.url_of(target), data=b"{}") as answer:
        text = await answer.text()
    assert answer.status == 403
    assert text.startswith("<InvalidSignatureException>")


async def test_a_presigned_upgrade_is_accepted(server: Server) -> None:
    node = await server.register()
    token = await node.create_channel("control", node.node_id)
    request = AWSRequest("GET", f"{server.url}/v1/control-channel/{node.node_id}?role=subscribe&stream=input", {})
    peer = await server.dial(presigned(server, "ssmmessages", request, node.credentials))
    await peer.text({"MessageSchemaVersion": "1.0", "RequestId": "r", "TokenValue": token, "AgentVersion": "3.3.0.0"})
    await server.until_connected(node.node_id)


@pytest.mark.parametrize("again", ["Action=GetSessionToken", "%41ction=GetSessionToken", "X-Amz-Date=20250304T050607Z"])
async def test_a_repeated_parameter_is_refused_wherever_it_stands(server: Server, again: str) -> None:
    """The canonical query is sorted, so one signature would hold for every order."""
    signed = urlsplit(url_of(server, "get_caller_identity")).query
    date = datetime.fromtimestamp(server.clock() / 1000, UTC).strftime("%Y%m%d")
    scope = quote(f"{server.administrator.access_key_id}/{date}/{REGION}/sts/aws4_request", safe="")
    assert f"X-Amz-Credential={scope}" in signed
    for query in (f"{signed}&{again}", f"{again}&{signed}"):
        status, text = await get(server, f"/?{query}")
        assert status == 400
        assert "more than once" in text


async def test_one_signature_for_two_orders_of_one_parameter(server: Server) -> None:
    """Signed over both values: neither order is read, though the signature holds for both."""
    query = "Action=GetCallerIdentity&Version=2011-06-15&Name=a&Name=b"
    for order in (query, query.replace("Name=a&Name=b", "Name=b&Name=a")):
        headers = server.signed("GET", "/", order, b"", service="sts")
        async with server.http.get(
            server.url_of(f"/?{order}"), headers=headers, timeout=aiohttp.ClientTimeout(PATIENCE)
        ) as answer:
            text = await answer.text()
        assert answer.status == 400
        assert "<Code>MalformedInput</Code>" in text
        assert "&#x27;Name&#x27; more than once" in text or "'Name' more than once" in text


class TestWhoeverReadsTheUrl:
    """They can repeat the call: that uses up nothing of its signer's, and does not make them the signer."""

    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_burst=3, calls_per_second=0.001, connections_per_caller=4)

    @pytest.fixture
    def unauthenticated(self) -> UnauthenticatedLimits:
        return UnauthenticatedLimits(exempt=())

    async def test_calls_of_the_owner_are_not_throttled(self, server: Server) -> None:
        url, sts = url_of(server, "get_caller_identity"), server.client("sts")
        answers = [(await get(server, url))[0] for _ in range(4)]
        assert answers == [200, 200, 200, 400]
        for _ in range(3):
            assert await asyncio.to_thread(sts.get_caller_identity)

    async def test_a_large_body_pauses_only_such_calls(self, server: Server) -> None:
        """The signature covers no body."""
        target = url_of(server, "get_caller_identity").removeprefix(server.url)
        async with server.http.get(server.url_of(target), data=b"x" * 100_000) as answer:
            assert answer.status in (200, 403)
        assert await asyncio.to_thread(server.client("sts").get_caller_identity)

    async def test_connections_of_the_owner_are_not_used_up(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], unauthenticated: UnauthenticatedLimits
    ) -> None:
        target = url_of(server, "get_caller_identity").removeprefix(server.url)
        own = await connect()
        own.writer.write(signed_call(server, "DescribeSessions", b"{}"))
        assert b" 400 " in await own.status()
        before = len(unauthenticated)
        others = [await connect() for _ in range(10)]
        for each in others[:3]:
            each.writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            assert b" 200 " in await each.status()
        assert len(unauthenticated) == before + len(others)
        own.writer.write(HEALTH)
        assert b" 200 " in await own.status()

    async def test_a_presigned_upgrade_does_not_make_its_connection_the_signers(
        self, server: Server, connect: Callable[..., Awaitable[Raw]], unauthenticated: UnauthenticatedLimits
    ) -> None:
        node = await server.register()
        path = f"/v1/control-channel/{node.node_id}?role=subscribe&stream=input"
        target = presigned(server, "ssmmessages", AWSRequest("GET", server.url + path, {}), node.credentials)
        before = len(unauthenticated)
        raw = await connect()
        lines = UPGRADE.partition(b"\r\nHost: ferryman.test\r\n")[2].decode()
        raw.writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{lines}".encode())
        assert b" 101 " in await raw.status()
        assert len(unauthenticated) == before + 1
