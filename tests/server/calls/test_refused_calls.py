"""Calls that are refused before their operation runs: malformed, too large, unsigned, badly signed."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from ferryman.core.service import Limits
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from ferryman.server.http.admission.throttling import REFUSAL_SECONDS
from ferryman.server.http.steps import UNSIGNED_BODY
from ferryman.server.timeouts import Timeouts
from tests.server.callers.api_calls import DESCRIBE, JSON, LIST_ACTIVE, refusal, signed_describe
from tests.server.running import Server
from tests.waiting import PATIENCE

late_bodies = pytest.mark.parametrize("timeouts", [Timeouts(body=0.2)], ids=["short"])
"""For tests whose bodies never arrive; on a busy machine whole ones may take as long."""


@pytest.fixture
def timeouts() -> Timeouts:
    return Timeouts(poll=0.05)


# What is refused


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'{"State": 1}', b'{"State":"Active"'])
async def test_malformed_json(server: Server, body: bytes) -> None:
    status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
    assert (status, answer["__type"]) == (400, "SerializationException")


async def test_validation_names_every_violated_constraint(server: Server) -> None:
    body = b'{"State":"Idle","MaxResults":201}'
    status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
    assert (status, answer["__type"]) == (400, "ValidationException")
    assert answer["message"].startswith("2 validation errors detected: ")


@pytest.mark.parametrize("target", ["AmazonSSM.MakeCoffee", "DescribeSessions", "", "Amazon.SSM.DescribeSessions"])
async def test_unknown_targets(server: Server, target: str) -> None:
    headers = server.signed("POST", "/", "", b"{}", {"Content-Type": JSON, "X-Amz-Target": target})
    status, answer = await server.json_call(target, b"{}", headers)
    assert (status, answer["__type"]) == (400, "UnknownOperationException")


async def test_operations_that_are_not_implemented_are_unknown(server: Server) -> None:
    code, message, status = await refusal(server, "list_commands")
    assert (code, status) == ("UnknownOperationException", 400)
    assert "ListCommands" in message


@pytest.mark.parametrize(("method", "path"), [("GET", "/nowhere"), ("PUT", "/")])
async def test_other_paths_and_methods(server: Server, method: str, path: str) -> None:
    async with server.http.request(method, server.url_of(path)) as answer:
        content = await answer.json(content_type=None)
        assert answer.status in (404, 405)
        assert content["__type"] == "UnknownOperationException"
        assert answer.headers["x-amzn-RequestId"]


async def test_another_method_of_a_channel(server: Server) -> None:
    async with server.http.delete(server.url_of("/v1/data-channel/x")) as answer:
        assert answer.status == 405
        assert (await answer.read()).startswith(b"<UnknownOperationException>")


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ("&".join(f"a{number}=" for number in range(1001)), 400, "MalformedInput"),
        ("Action=%FF", 400, "MalformedInput"),
        ("Action=Nothing&Version=2011-06-15", 400, "InvalidAction"),
        ("Action=" + "a" * 2 * 1024 * 1024, 413, "RequestEntityTooLargeException"),
    ],
)
async def test_an_error_of_a_form_before_its_operation_is_known(
    server: Server, form: str, status: int, code: str
) -> None:
    await form_is_refused(server, io.BytesIO(form.encode()), status, code)


@late_bodies
async def test_a_form_that_does_not_arrive_times_out(server: Server) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"Action="
        await server.stop.wait()

    await form_is_refused(server, never(), 408, "RequestTimeoutException")
    server.stop.set()


async def form_is_refused(server: Server, data: io.BytesIO | AsyncIterator[bytes], status: int, code: str) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with server.http.post(server.url_of("/"), data=data, headers=headers) as answer:
        text = await answer.text()
        assert answer.status == status
        assert answer.content_type == "text/xml"
    assert f"<Code>{code}</Code>" in text


async def test_a_body_of_two_mebibytes(server: Server) -> None:
    body = b'{"State":"' + b"A" * 2 * 1024 * 1024 + b'"}'
    status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
    assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")


async def test_a_chunked_body_of_two_mebibytes(server: Server) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"A" * 32768

    headers = {"Content-Type": JSON, "X-Amz-Target": DESCRIBE}
    async with server.http.post(server.url_of("/"), data=chunks(), headers=headers) as answer:
        assert answer.status == 413


@late_bodies
async def test_missing_body_times_out(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nX-Amz-Target: " + DESCRIBE.encode() + b"\r\n\r\n{"
    )
    status_line = await asyncio.wait_for(reader.readline(), PATIENCE)
    assert b" 408 " in status_line
    writer.close()
    await writer.wait_closed()


async def test_unsigned(server: Server) -> None:
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE)
    assert (status, answer["__type"]) == (400, "MissingAuthenticationTokenException")


async def test_badly_signed(server: Server) -> None:
    given = server.administrator
    wrong = Credentials(given.access_key_id, Secret("wrong"))
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, credentials=wrong))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


@pytest.mark.parametrize("authorization", ["", "Bearer x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=a, x"])
async def test_half_signed(server: Server, authorization: str) -> None:
    headers = {"Authorization": authorization, "X-Amz-Date": "20260101T000000Z"}
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, headers)
    assert (status, answer["__type"]) == (400, "IncompleteSignatureException")


async def test_an_unknown_key(server: Server) -> None:
    unknown = Credentials("AKIAAAAAAAAAAAAAAAAA", Secret("x"))
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, credentials=unknown))
    assert (status, answer["__type"]) == (400, "UnrecognizedClientException")


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_stale_or_early(server: Server, minutes: int) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, now=moment))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    assert "Signature" in answer["message"]


async def test_replayed_with_another_body(server: Server) -> None:
    headers = signed_describe(server)
    status, answer = await server.json_call(DESCRIBE, b'{"State":"History"}', headers)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


async def test_signed_for_another_service_or_region(server: Server) -> None:
    status, answer = await server.json_call(DESCRIBE, LIST_ACTIVE, signed_describe(server, service="sts"))
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")


async def test_a_header_that_is_not_text(server: Server) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Amz-Target: AmazonSSM.DescribeSessions\r\n"
        b"Authorization: \xff\xfe\r\nConnection: close\r\n\r\n{}"
    )
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    assert b" 400 " in answer.splitlines()[0]
    writer.close()
    await writer.wait_closed()


class TestSmallLimits:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(body_bytes=100)

    async def test_the_limit_is_the_configured_one(self, server: Server) -> None:
        body = b'{"State":"Active"}' + b" " * 100
        status, answer = await server.json_call(DESCRIBE, body, signed_describe(server, body))
        assert status == 413
        assert "100 bytes" in answer["message"]


class TestFewCalls:
    @pytest.fixture
    def limits(self) -> Limits:
        return Limits(calls_per_second=0.001, calls_burst=2)

    async def test_caller_over_the_rate_limit_is_throttled(self, server: Server) -> None:
        for _ in range(2):
            await server.call("describe_sessions", State="Active")
        refused = await refusal(server, "describe_sessions", State="Active")
        assert refused == ("ThrottlingException", "Rate exceeded", 400)
        await server.call("get_connection_status", Target="mi-0123456789abcdef0")

    async def test_operations_that_the_server_lacks_share_one_limit(self, server: Server) -> None:
        codes = []
        for target in ("AmazonSSM.ListCommands", "AmazonSSM.SendCommand", "AmazonSSM.GetParameter"):
            headers = server.signed("POST", "/", "", b"{}", {"Content-Type": JSON, "X-Amz-Target": target})
            codes.append((await server.json_call(target, b"{}", headers))[1]["__type"])
        assert codes[-1] == "ThrottlingException"
        assert "ThrottlingException" not in codes[:-1]


class TestUnsignedCalls:
    """Calls without a signature, which nobody can be throttled for."""

    async def test_a_large_body_is_refused_unread(self, server: Server) -> None:
        body = b'{"ActivationId":1,"x":"' + b"x" * UNSIGNED_BODY + b'"}'
        status, answer = await server.json_call("AmazonSSM.RegisterManagedInstance", body)
        assert (status, answer["__type"]) == (413, "RequestEntityTooLargeException")

    async def test_a_malformed_one_waits_for_its_refusal(self, server: Server) -> None:
        began = asyncio.get_running_loop().time()
        status, _answer = await server.json_call("AmazonSSM.RegisterManagedInstance", b'{"ActivationId":1}')
        assert status == 400
        assert asyncio.get_running_loop().time() - began >= REFUSAL_SECONDS
