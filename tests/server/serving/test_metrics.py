"""What Prometheus gets, and that the alerts and the dashboard ask for nothing else."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ferryman.server.metrics import endpoint
from ferryman.server.serving import serve
from tests.ports import free_port
from tests.server.peers import output, typed
from tests.server.running import Server, until

MONITORING = Path(__file__).parents[3] / "packaging" / "monitoring"
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "monitor-servers.md"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def port() -> int:
    """Where the metrics are."""
    return free_port()


@pytest.fixture
async def counted(server: Server, port: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    """A second server on the first one's service, with metrics that are always fresh."""
    monkeypatch.setattr(endpoint, "FRESH_SECONDS", 0)
    bound: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    metrics = ("127.0.0.1", port)
    running = asyncio.create_task(
        serve(server.service, "127.0.0.1", 0, ready=bound.set_result, stop=stop, metrics=metrics)
    )
    counted = replace(server, port=await bound, stop=stop, running=running, peers=[], clients=[])
    yield counted
    for peer in counted.peers:
        await peer.close()
    for client in counted.clients:
        client.close()
    await counted.shut_down()


async def scrape(server: Server, port: int) -> Samples:
    async with server.http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        families = list(text_string_to_metric_families(await answer.text()))
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


async def test_calls_are_counted_by_operation_and_outcome(counted: Server, port: int) -> None:
    await counted.call("describe_sessions", State="Active")
    await counted.call("describe_sessions", State="Active")
    with pytest.raises(Exception, match="TargetNotConnected"):
        await counted.call("start_session", Target="mi-0123456789abcdef0")
    async with counted.http.post(counted.url, headers={"X-Amz-Target": "AmazonSSM.DoHarm"}):
        pass
    found = await scrape(counted, port)

    def calls(operation: str, outcome: str, service: str = "ssm") -> float:
        labels = (("operation", operation), ("outcome", outcome), ("service", service))
        return found["ferryman_api_calls_total", labels]

    assert calls("DescribeSessions", "ok") == 2
    assert calls("StartSession", "TargetNotConnected") == 1
    assert not [labels for _, labels in found if ("operation", "DoHarm") in labels]
    timed = found["ferryman_api_call_seconds_count", (("operation", "DescribeSessions"), ("service", "ssm"))]
    assert timed == 2


async def test_sessions_and_their_bytes_are_counted(counted: Server, port: int) -> None:
    paired = await counted.paired()
    found = await scrape(counted, port)
    assert found["ferryman_connected_nodes", ()] == 1
    assert found["ferryman_channels", ()] == 3
    assert found["ferryman_sessions", (("ends", "both"),)] == 1
    before = {sender: found["ferryman_relayed_bytes_total", (("sender", sender),)] for sender in ("client", "agent")}
    await paired.client.send(sent := typed(0, b"x" * 1000))
    await paired.agent.frame()
    await paired.agent.send(answered := output(0, b"y" * 2000))
    await paired.client.frame()
    await paired.client.close()

    async def after() -> Samples:
        return await scrape(counted, port)

    found = await until(after, lambda found: found["ferryman_sessions", (("ends", "agent"),)] == 1)
    for sender, size in (("client", len(sent)), ("agent", len(answered))):
        assert found["ferryman_relayed_bytes_total", (("sender", sender),)] == before[sender] + size


async def test_a_flood_of_scrapes_is_answered_with_one_text(
    counted: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "FRESH_SECONDS", 3600)
    found = await asyncio.gather(*(scrape(counted, port) for _ in range(3)))
    await counted.call("describe_sessions", State="Active")
    found.append(await scrape(counted, port))
    assert all(each == found[0] for each in found)


async def test_waiting_for_the_store_is_timed(counted: Server, port: int) -> None:
    before = await scrape(counted, port)
    await counted.call("describe_sessions", State="Active")
    found = await scrape(counted, port)
    listed = ("ferryman_store_seconds_count", (("kind", "list"),))
    assert found[listed] > before[listed]
    assert found["ferryman_store_seconds_bucket", (("kind", "list"), ("le", "+Inf"))] == found[listed]
    assert found["ferryman_store_seconds_sum", (("kind", "list"),)] > 0
    assert found["ferryman_store_underway", (("kind", "list"),)] == 0


async def test_nothing_else_is_served_there(counted: Server, port: int) -> None:
    async with counted.http.get(f"http://127.0.0.1:{port}/healthz") as answer:
        assert answer.status == 404
    async with counted.http.get(counted.url_of("/metrics")) as answer:
        assert answer.status == 404


async def test_alerts_and_dashboard_ask_for_all_that_there_is(counted: Server, port: int) -> None:
    await counted.call("describe_sessions", State="Active")
    there = {name for name, _ in await scrape(counted, port)}
    alerts = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    expressions = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for each in expressions for name in re.findall(r"\b(?:ferryman|process)_[a-z_]+", each)}
    described = set(re.findall(r"`(ferryman_[a-z_]+)`", PAGE.read_text()))
    assert asked <= there
    served = {_base(each) for each in there if each.startswith("ferryman_") and not each.endswith("_created")}
    assert described == served
    assert {_base(each) for each in asked if each.startswith("ferryman_")} == served


def _base(sample: str) -> str:
    """The metric of a sample's name."""
    return re.sub("_(bucket|count|sum)$", "", sample)
