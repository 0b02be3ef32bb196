"""Traces whose collector is slow, refuses or is away: nobody waits, memory is bounded, and the log says so once."""

import ast
import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from ferryman.tracing import export
from ferryman.tracing.export import BATCH_SPANS, WAITING_SPANS, Traces, TracesOptions, probe
from tests.otlp_receiver import Receiver, running_receiver
from tests.ports import free_port

SOURCE = Path(export.__file__).parents[1]
REQUEST_ID = "0af76519-16cd-43dd-8448-eb211c80319c"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as receiver:
        yield receiver


def options(url: str, ratio: float = 1.0) -> TracesOptions:
    return TracesOptions(url, {}, None, ratio, trusts_callers=False, server_name="one", version="0")


def make(traces: Traces, count: int, name: str = "call") -> None:
    for _ in range(count):
        with traces.tracing.call(name, REQUEST_ID, {}, seconds=0, parent=None):
            pass


def test_a_collector_that_refuses_is_logged_once_and_when_it_accepts_again(receiver: Receiver) -> None:
    receiver.status = 401
    with capture_logs() as lines:
        traces = Traces(options(receiver.url))
        for count in (1, 2, 3):
            make(traces, BATCH_SPANS)
            receiver.until_requests(count)
        receiver.status = 200
        make(traces, BATCH_SPANS, "accepted")
        receiver.until("accepted", BATCH_SPANS)
        traces.close()
    assert [each["event"] for each in lines] == ["traces cannot be exported", "traces exported again"]
    assert "401" in lines[0]["reason"]
    assert traces.tracing.lost_spans == 3 * BATCH_SPANS


def test_a_collector_that_does_not_answer_delays_nobody_and_costs_bounded_memory(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "CLOSE_SECONDS", 0.1)
    receiver.held.clear()
    traces = Traces(options(receiver.url))
    make(traces, BATCH_SPANS)
    receiver.until_requests(1)
    began = time.process_time()
    make(traces, 2 * WAITING_SPANS)
    taken = time.process_time() - began
    assert traces.tracing.lost_spans == WAITING_SPANS
    assert len(traces._processor._batch_processor._queue) == WAITING_SPANS
    assert taken < 5
    began = time.monotonic()
    traces.close()
    assert time.monotonic() - began < export.REQUEST_SECONDS


def test_a_part_of_the_calls_is_sampled_although_their_ids_are_uuids(receiver: Receiver) -> None:
    traces = Traces(options(receiver.url, 0.5))
    sampled = 0
    for number in range(400):
        random = f"{number * 0x9E3779B97F4A7C15 % (1 << 56):014x}"
        request_id = f"0af76519-16cd-43dd-84{random[:2]}-{random[2:]}"
        with traces.tracing.call("call", request_id, {}, seconds=0, parent=None) as span:
            sampled += span.is_recorded
            assert traces.tracing.child("child").is_recorded is span.is_recorded
    traces.close()
    assert 150 < sampled < 250


async def test_what_outlives_a_call_adds_nothing_to_its_trace(receiver: Receiver) -> None:
    traces = Traces(options(receiver.url))
    ended = asyncio.Event()

    async def outlive() -> bool:
        before = traces.tracing.child("during").is_recorded
        await ended.wait()
        return before and traces.tracing.carried is None and not traces.tracing.child("after").is_recorded

    with traces.tracing.call("call", REQUEST_ID, {}, seconds=0, parent=None):
        task = asyncio.create_task(outlive())
        await asyncio.sleep(0)
    ended.set()
    assert await task
    traces.close()


def test_doctor_asks_whether_a_collector_accepts_traces(receiver: Receiver) -> None:
    assert probe(options(receiver.url)) is None
    receiver.status = 403
    assert "403" in (probe(options(receiver.url)) or "")


def test_why_a_collector_cannot_be_reached_is_said_in_a_few_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "REQUEST_SECONDS", 3)  # the exporter waits a second before it tries again
    assert probe(options(f"http://127.0.0.1:{free_port()}")) == "Connection refused"


def test_nothing_is_imported_while_traces_are_off() -> None:
    """What imports OpenTelemetry is imported only within functions, which `open_tracing` calls if traces are on."""
    importing = [path for path in SOURCE.rglob("*.py") if "ferryman.tracing" in path.read_text()]
    others = [path for path in importing if path.parent.name != "tracing"]
    assert [path.name for path in others] == ["opening.py"]
    for each in ast.parse(others[0].read_text()).body:
        assert not (isinstance(each, ast.ImportFrom) and str(each.module).startswith("ferryman.tracing"))
