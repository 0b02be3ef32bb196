"""Traces of two servers, as a collector receives them."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import structlog
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from ferryman.core.ports.audit import Entry, NoTrail
from ferryman.core.ports.tracing import Tracing
from ferryman.core.service import Service
from ferryman.tracing.export import Traces, TracesOptions
from ferryman.wire.agent_message import MessageType
from tests.otlp_receiver import ReceivedSpan, Receiver, running_receiver
from tests.server.peers import output, state
from tests.server.running import Recorded, Server, until

CALLERS_SPAN = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "a reason that nobody else may read"


class Trail(NoTrail):
    """Keeps what it gets in a list."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    async def keep(self, entry: Entry) -> None:
        self.entries.append(entry)


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def trusts_callers() -> bool:
    return False


@pytest.fixture
def tracing(receiver: Receiver, trusts_callers: bool) -> Iterator[Tracing]:
    yield from _exported(receiver, "one", trusts_callers)


@pytest.fixture
def other_tracing(receiver: Receiver, trusts_callers: bool) -> Iterator[Tracing]:
    yield from _exported(receiver, "two", trusts_callers)


def _exported(receiver: Receiver, name: str, trusts_callers: bool) -> Iterator[Tracing]:
    traces = Traces(TracesOptions(receiver.url, {"x-key": "secret"}, None, 1.0, trusts_callers, name, "0"))
    yield traces.tracing
    traces.close()


@pytest.fixture
def trail() -> Trail:
    return Trail()


@pytest.fixture
def recorded(trail: Trail) -> Recorded:
    def with_trail(service: Service) -> Service:
        return replace(service, trail=trail)

    return with_trail


def _of(spans: list[ReceivedSpan], trace_id: str) -> list[ReceivedSpan]:
    return [each for each in spans if each.trace_id == trace_id]


async def _finished(receiver: Receiver, name: str, trace_id: str) -> ReceivedSpan:
    """The span of a name in a trace, once it has arrived."""

    async def look() -> list[ReceivedSpan]:
        return _of(receiver.named(name), trace_id)

    return (await until(look, bool))[0]


async def test_one_id_follows_a_session_from_its_call_over_both_servers_to_its_first_output(
    server: Server, other: Server, receiver: Receiver, trail: Trail
) -> None:
    node = await server.register()
    control = await replace(node, server=other).control()
    ours = [structlog.contextvars.merge_contextvars]
    with capture_logs(processors=ours) as lines:
        ticket = await server.call("start_session", Target=node.node_id, Reason=SECRET)
    request_id = ticket["ResponseMetadata"]["RequestId"]
    assert ticket["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] == request_id
    assert [each["operation"] for each in lines if each.get("request_id") == request_id] == ["StartSession"]
    assert [each["eventName"] for each in trail.entries if each.get("requestID") == request_id] == ["StartSession"]

    client = await server.open_client(ticket, "client")
    await control.until(MessageType.INTERACTIVE_SHELL)
    agent = await replace(node, server=other).data(ticket["SessionId"])
    await agent.until(MessageType.START_PUBLICATION)
    await agent.send(state("Connected", ticket["SessionId"], None))
    await agent.send(output(0, b"$ "))
    await client.until(MessageType.OUTPUT_STREAM_DATA)

    trace_id = request_id.replace("-", "")
    opening = await _finished(receiver, "open session", trace_id)
    call = await _finished(receiver, "ssm.StartSession", trace_id)
    handled = await _finished(receiver, "handle control", trace_id)
    attached = await _finished(receiver, "attach agent", trace_id)
    by_id = {each.span_id: each for each in _of(receiver.spans, trace_id)}
    assert call.parent_id == ""
    assert (call.server, call.attributes["rpc.method"], call.events) == ("one", "ssm/StartSession", ("admitted",))
    assert call.attributes["aws.request_id"] == request_id
    assert call.attributes["http.response.status_code"] == 200
    assert opening.parent_id == attached.parent_id == call.span_id
    assert opening.attributes["ferryman.session.id"] == ticket["SessionId"]
    assert opening.events == ("client attached", "first data")
    assert (handled.server, attached.server) == ("two", "two")
    assert by_id[handled.parent_id].name == "request control"
    sent = [each for each in by_id.values() if each.name == "request control" and each.parent_id == opening.span_id]
    assert [each.server for each in sent] == ["one"]
    assert {each.name for each in by_id.values() if each.parent_id == call.span_id} >= {"store read", "store write"}
    assert opening.began_at < opening.ended_at
    assert SECRET not in str(receiver.spans)
    assert ticket["TokenValue"] not in str(receiver.spans)
    assert receiver.headers[-1]["x-key"] == "secret"


async def test_a_refused_call_is_a_failed_span_without_its_message(server: Server, receiver: Receiver) -> None:
    with pytest.raises(ClientError) as refused:
        await server.call("start_session", Target="mi-0123456789abcdef0")
    trace_id = refused.value.response["ResponseMetadata"]["RequestId"].replace("-", "")
    span = await _finished(receiver, "ssm.StartSession", trace_id)
    assert span.failed
    assert span.attributes["error.type"] == "TargetNotConnected"
    assert span.attributes["http.response.status_code"] == 400
    assert "mi-0123456789abcdef0" not in str(span)


async def _call_with(server: Server, traceparent: str, credentials: bool = True) -> str:
    """The request id of a call that names a span of its caller."""
    body = json.dumps({"State": "Active"}).encode()
    target = {"X-Amz-Target": "AmazonSSM.DescribeSessions", "Content-Type": "application/x-amz-json-1.1"}
    headers = server.signed("POST", "/", "", body, target) if credentials else target
    async with server.http.post(server.url_of("/"), data=body, headers=headers | {"traceparent": traceparent}) as got:
        assert (got.status == 200) is credentials
        return got.headers["x-amzn-RequestId"]


async def test_a_callers_traceparent_is_not_honoured_by_default(server: Server, receiver: Receiver) -> None:
    request_id = await _call_with(server, CALLERS_SPAN)
    span = await _finished(receiver, "ssm.DescribeSessions", request_id.replace("-", ""))
    assert span.parent_id == ""


async def test_strangers_are_not_traced(server: Server, receiver: Receiver) -> None:
    stranger = await _call_with(server, CALLERS_SPAN, credentials=False)
    request_id = await _call_with(server, CALLERS_SPAN)
    await _finished(receiver, "ssm.DescribeSessions", request_id.replace("-", ""))
    assert not _of(receiver.spans, stranger.replace("-", ""))


class TestTrusted:
    """With `traces.trust_traceparent`."""

    @pytest.fixture
    def trusts_callers(self) -> bool:
        return True

    async def test_a_callers_traceparent_is_continued(self, server: Server, receiver: Receiver) -> None:
        request_id = await _call_with(server, CALLERS_SPAN)
        _, trace_id, parent_id, _ = CALLERS_SPAN.split("-")
        span = await _finished(receiver, "ssm.DescribeSessions", trace_id)
        assert span.parent_id == parent_id
        assert span.attributes["aws.request_id"] == request_id

    async def test_a_caller_can_ask_not_to_be_traced_and_nonsense_is_ignored(
        self, server: Server, receiver: Receiver
    ) -> None:
        unsampled = CALLERS_SPAN.replace("0af7", "1af7")[:-1] + "0"
        await _call_with(server, unsampled)
        request_id = await _call_with(server, "00-nonsense")
        await _finished(receiver, "ssm.DescribeSessions", request_id.replace("-", ""))
        assert not _of(receiver.spans, unsampled.split("-")[1])
