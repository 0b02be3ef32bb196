"""LookupEvents over the trails of several servers: the own files, and those of others, which are asked over the bus."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.audit import lookup as lookup_module
from ferryman.audit.lookup import TrailLookup
from ferryman.core.audit.lookup import UNSEARCHED, LookupEventsRequest, look_up_events, search_of
from ferryman.core.audit.trails import answering, trail_subject
from ferryman.core.ports.audit import TrailHead
from ferryman.core.record_budget import RecordBudget
from ferryman.core.service import Service
from ferryman.model.identity.callers import Caller
from tests.unit.core.conftest import World

SERVERS = ("one", "two", "three")
MINUTES = 120


@pytest.fixture
async def several(world: World, tmp_path: Path) -> dict[str, Service]:
    """Three servers, which wrote a record in turn, one each minute; `gone` is known and does not run."""
    found, service = {}, world.service
    for number, name in enumerate(SERVERS):
        directory = tmp_path / name
        directory.mkdir()
        lines = [
            {
                "eventTime": f"2026-01-01T{n // 60:02}:{n % 60:02}:00.000Z",
                "eventName": f"Call{n % 7}",
                "eventID": str(n),
            }
            for n in range(number, MINUTES, len(SERVERS))
        ]
        text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
        (directory / f"audit-{1:012d}.jsonl").write_text(text)
        own = replace(service, recorded_events=TrailLookup(directory, list), server_name=name)
        await service.bus.subscribe(trail_subject(name), answering(own, search_of))
        found[name] = own
    for name in (*SERVERS, "gone"):
        await service.store.trail_heads.record(name, TrailHead(1, 1, "a" * 64))
    return found


async def looked_up(service: Service, caller: Caller, *attributes: tuple[str, str], most: int = 50) -> list[str]:
    """The ids of all pages' events."""
    ids: list[str] = []
    token = None
    while True:
        request = LookupEventsRequest(attributes, max_results=most, next_token=token)
        page = await look_up_events(replace(service, records=RecordBudget()), caller, request)
        assert len(page.items) <= most
        ids += [event.event_id for event in page.items if event.name != UNSEARCHED]
        if (token := page.next_token) is None:
            return ids


@pytest.mark.parametrize(("chunk", "most_bytes"), [(512 * 1024, 16 * 1024 * 1024), (300, 900)])
@pytest.mark.parametrize("page", [50, 7])
async def test_events_of_all_servers_are_in_order_whichever_answers(
    several: dict[str, Service],
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    most_bytes: int,
    page: int,
) -> None:
    monkeypatch.setattr(lookup_module, "CHUNK_BYTES", chunk)
    monkeypatch.setattr(lookup_module, "MOST_BYTES", most_bytes)
    newest_first = [str(n) for n in reversed(range(MINUTES))]
    for name in ("one", "three"):
        assert await looked_up(several[name], world.administrator, most=page) == newest_first


async def test_attributes_are_searched_for_on_every_server(several: dict[str, Service], world: World) -> None:
    found = await looked_up(several["two"], world.administrator, ("EventName", "Call3"))
    assert found == [str(n) for n in reversed(range(MINUTES)) if n % 7 == 3]


async def test_a_server_alone_asks_nobody(several: dict[str, Service], world: World) -> None:
    alone = replace(several["one"], server_name="")
    assert await looked_up(alone, world.administrator) == [str(n) for n in reversed(range(0, MINUTES, 3))]


async def test_an_answer_fits_into_a_message(
    several: dict[str, Service], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ferryman.core.audit.trails.ANSWER_BYTES", 200)  # two records
    assert await looked_up(several["one"], world.administrator) == [str(n) for n in reversed(range(MINUTES))]


async def test_a_page_says_which_servers_it_lacks_and_later_pages_do_not_repeat_it(
    several: dict[str, Service], world: World
) -> None:
    service = replace(several["one"], records=RecordBudget())
    for most in (1, 5):
        request = LookupEventsRequest((("EventName", "Call3"),), max_results=most)
        first = await look_up_events(replace(service, records=RecordBudget()), world.administrator, request)
        assert [event.name for event in first.items] == [UNSEARCHED] + ["Call3"] * (most - 1)
        shown = json.loads(first.items[0].text)
        assert shown["serviceEventDetails"]["servers"] == {"gone": "it is not running, or is cut off from NATS"}
        assert first.next_token is not None
        request = replace(request, next_token=first.next_token)
        second = await look_up_events(replace(service, records=RecordBudget()), world.administrator, request)
        assert {event.name for event in second.items} == {"Call3"}
