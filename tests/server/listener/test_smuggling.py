"""Requests that two readers could understand differently, and signatures used out of context, are refused."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.model.identity.credentials import Credentials
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import sign
from tests.server.running import Server
from tests.waiting import PATIENCE

TARGET = "AmazonSSM.DescribeSessions"
BODY = b'{"State":"Active"}'
JSON = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET}


def headers_of(server: Server, credentials: Credentials | None = None) -> list[tuple[str, str]]:
    """Every header of a good call of DescribeSessions."""
    sent = {"Host": f"127.0.0.1:{server.port}", **JSON}
    signed = server.signed("POST", "/", "", BODY, sent, credentials)
    return [*(sent | signed).items(), ("Content-Length", str(len(BODY))), ("Connection", "close")]


async def send(server: Server, start: str, headers: list[tuple[str, str]], body: bytes = BODY) -> tuple[int, str]:
    """Send a request byte for byte; return its status and the code of the error."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(f"{start} HTTP/1.1\r\n{head}\r\n".encode() + body)
    async with asyncio.timeout(PATIENCE):
        answer = await reader.read()
    writer.close()
    status, _, rest = answer.partition(b"\r\n")
    content = rest.partition(b"\r\n\r\n")[2]
    return int(status.split()[1]), json.loads(content).get("__type", "") if content.startswith(b"{") else ""


async def test_correctly_signed_request_is_answered(server: Server) -> None:
    """What the others change one thing of."""
    assert (await send(server, "POST /", headers_of(server)))[0] == 200


@pytest.mark.parametrize("value", [None, "other"])
async def test_a_signed_header_sent_twice(server: Server, value: str | None) -> None:
    for name in ("Host", "Content-Type", "X-Amz-Target", "X-Amz-Date"):
        await twice(server, name, value)


async def twice(server: Server, name: str, value: str | None) -> None:
    headers = headers_of(server)
    again = (name.lower(), value or dict(headers)[name])
    for altered in ([*headers, again], [again, *headers]):
        status, code = await send(server, "POST /", altered)
        assert status == 400
        assert code in {"InvalidSignatureException", "IncompleteSignatureException", "", "UnknownOperationException"}


async def test_authorization_sent_twice(server: Server) -> None:
    headers = headers_of(server)
    again = ("Authorization", dict(headers)["Authorization"])
    assert await send(server, "POST /", [*headers, again]) == (400, "IncompleteSignatureException")


async def test_a_signature_in_the_query_and_one_in_the_header(server: Server) -> None:
    headers = headers_of(server)
    claim = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Ftest-1%2Fssm%2Faws4_request"
    assert await send(server, f"POST /{claim}", headers) == (400, "IncompleteSignatureException")


@pytest.mark.parametrize(
    "smuggled",
    [("X-Amz-Security-Token", "stolen"), ("x-amz-anything", "1"), ("X-AMZ-DATE-", "1")],
)
async def test_an_unsigned_amz_header(server: Server, smuggled: tuple[str, str]) -> None:
    assert await send(server, "POST /", [*headers_of(server), smuggled]) == (400, "InvalidSignatureException")


async def test_a_second_security_token(server: Server) -> None:
    node = await server.register()
    headers = headers_of(server, node.credentials)
    status, code = await send(server, "POST /", [*headers, ("X-Amz-Security-Token", "another")])
    assert (status, code) == (400, "InvalidSignatureException")


async def test_a_folded_or_split_header(server: Server) -> None:
    for fold in ("\r\n ", "\r\n\t", "\n", "\r", "\x00"):
        given = headers_of(server)
        headers = [(name, value + fold + "x" if name == "X-Amz-Target" else value) for name, value in given]
        assert (await send(server, "POST /", headers))[0] == 400, fold


async def test_a_body_of_two_lengths(server: Server) -> None:
    framings = [
        [("Content-Length", "2"), ("Content-Length", "18")],
        [("Content-Length", "18"), ("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "chunked, identity")],
        [("Content-Length", "+18")],
    ]
    for framing in framings:
        headers = [each for each in headers_of(server) if each[0] != "Content-Length"]
        assert (await send(server, "POST /", headers + framing))[0] == 400, framing


async def test_compressed_body_is_refused(server: Server) -> None:
    """What is signed is what is on the wire; nothing is unpacked for somebody unknown."""
    headers = [*headers_of(server), ("Content-Encoding", "gzip")]
    status, _ = await send(server, "POST /", headers, b"\x1f\x8b" + BODY[2:])
    assert status == 400


async def test_another_method_path_or_query(server: Server) -> None:
    """An empty query is the same request to a signer, so to the server."""
    assert (await send(server, "POST /?", headers_of(server)))[0] == 200
    for start in ("GET /", "POST //", "POST /?a=b", "POST /v1/data-channel/root-0"):
        status, code = await send(server, start, headers_of(server))
        assert status in {400, 403, 404}, start
        assert code != "AccessDeniedException", start


async def test_a_signature_for_another_region(server: Server) -> None:
    sent = {"Host": f"127.0.0.1:{server.port}", **JSON}
    request = SignableRequest("POST", "/", "", list(sent.items()), BODY)
    for region, service, expected in (("test-1", "ssm", 200), ("test-2", "ssm", 400), ("test-1", "iam", 400)):
        added = sign(request, server.administrator, region, service, datetime.now(UTC))
        headers = [*(sent | added).items(), ("Content-Length", str(len(BODY))), ("Connection", "close")]
        assert (await send(server, "POST /", headers))[0] == expected, (region, service)


async def test_a_signature_used_again_later(server: Server) -> None:
    """Within five minutes a replay is the same call again; after that it is nothing."""
    headers = headers_of(server)
    assert [(await send(server, "POST /", headers))[0] for _ in range(2)] == [200, 200]
    server.clock.advance(301)
    assert await send(server, "POST /", headers) == (400, "InvalidSignatureException")


async def test_the_date_of_the_scope_is_the_date_of_the_call(server: Server) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y%m%d")
    headers = dict(headers_of(server))
    key = server.administrator.access_key_id
    today = headers["X-Amz-Date"][:8]
    headers["Authorization"] = headers["Authorization"].replace(f"{key}/{today}", f"{key}/{tomorrow}")
    assert await send(server, "POST /", list(headers.items())) == (400, "InvalidSignatureException")
