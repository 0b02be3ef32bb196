"""Searching the audit trails of all servers for LookupEvents: this server's own, and the others' over the bus.

Each server searches its own files. What they find is merged by time, newest first; a page ends where one of them has
not searched any further, so that nothing newer can follow on the next.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import merge
from typing import Any

import msgspec
import structlog

from ferryman.core.ports.audit import FoundRecords, TrailPosition, TrailSearch
from ferryman.core.ports.bus import NoResponders
from ferryman.core.service import Service

ANSWER_SECONDS = 5.0
"""How long another server may take to search; it reads 16 MiB at most."""
ANSWER_BYTES = 768 * 1024
"""The records of one answer: fewer than a message of the bus may have."""

Places = Mapping[str, TrailPosition | None]
"""Where to continue in the trail of each server, by its name; None is its end. Trails that are not there are done."""
Request = tuple[list[tuple[str, str]], int | None, int | None]
"""What of a LookupEvents request selects records: its attributes, start and end."""
Record = Mapping[str, Any]

_REASONS: Mapping[type[Exception], str] = {
    NoResponders: "it is not running, or is cut off from NATS",
    TimeoutError: f"it did not answer within {ANSWER_SECONDS:g} s",
    msgspec.DecodeError: "its answer cannot be read",
}
_log = structlog.get_logger("ferryman.core.audit.trails")


class SearchTrail(msgspec.Struct, frozen=True):
    """The message on `trail.<server>`: find records behind a place of its trail, at most `most`.

    The reply is `TrailSearched`.
    """

    request: Request
    behind: TrailPosition | None
    most: int


class TrailSearched(msgspec.Struct, frozen=True):
    """`FoundRecords`, with as many records as a message may have."""

    records: list[dict[str, Any]]
    places: list[TrailPosition]
    behind: TrailPosition | None
    reached: str


@dataclass(frozen=True, slots=True)
class FoundEverywhere:
    """Records of all trails, newest first, and where to continue; no places if there are no older ones.

    `unsearched` are the servers whose trails are left out from here on, each with the reason, a phrase.
    """

    records: Sequence[Record]
    behind: Places
    unsearched: Mapping[str, str] = field(default_factory=dict)


_question, _answer = msgspec.json.Decoder(SearchTrail), msgspec.json.Decoder(TrailSearched)


def trail_subject(server: str) -> str:
    """Return the subject on which a server answers `SearchTrail`."""
    return f"trail.{server}"


async def search_trails(
    service: Service, request: Request, search: TrailSearch, places: Places | None, most: int
) -> FoundEverywhere:
    """Return at most `most` records of all trails behind these places, from the newest on if they are None.

    `search` is what `request` means. The trail of a server that does not answer in time is left out, also on the pages
    that follow. To say so, the caller adds a record: there is one record fewer then.
    """
    if places is None:
        others = await service.store.trail_heads.servers() if service.server_name else ()
        places = dict.fromkeys([service.server_name, *others])
    asked = [_search_one(service, name, request, search, place, most) for name, place in places.items()]
    answers = dict(zip(places, await asyncio.gather(*asked), strict=True))
    found = {name: answer for name, answer in answers.items() if isinstance(answer, FoundRecords)}
    unsearched = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
    page = merged(found, places, most - 1 if unsearched else most)
    return replace(page, unsearched=unsearched)


async def _search_one(
    service: Service, name: str, request: Request, search: TrailSearch, behind: TrailPosition | None, most: int
) -> FoundRecords | str:
    """Return what a server finds, or why it was not asked or did not answer."""
    if name == service.server_name:
        return await service.recorded_events.find(search, behind, most)
    question = msgspec.json.encode(SearchTrail(request, behind, most))
    try:
        reply = await service.bus.request(trail_subject(name), question, timeout=ANSWER_SECONDS)
        answer = _answer.decode(reply)
    except (NoResponders, TimeoutError, msgspec.DecodeError) as error:
        reason = next(said for kind, said in _REASONS.items() if isinstance(error, kind))
        _log.warning("audit trail not searched", server=name, reason=reason)
        return reason
    return FoundRecords(answer.records, answer.behind, answer.places, answer.reached)


def answering(service: Service, search_of: Callable[[Request], TrailSearch]) -> Callable[[bytes], Awaitable[bytes]]:
    """Return the handler of `SearchTrail`: the server that asks has checked that the caller may look events up."""

    async def answer(payload: bytes) -> bytes:
        question = _question.decode(payload)
        found = await service.recorded_events.find(search_of(question.request), question.behind, question.most)
        return msgspec.json.encode(_bounded(found))

    return answer


def _bounded(found: FoundRecords) -> TrailSearched:
    """Return what fits into a message, one record at least."""
    records: list[dict[str, Any]] = []
    size = 0
    for record in found.records:
        size += len(msgspec.json.encode(record))
        if records and size > ANSWER_BYTES:
            count = len(records)
            return TrailSearched(records, list(found.places[:count]), found.places[count - 1], time_of(records[-1]))
        records.append(dict(record))
    return TrailSearched(records, list(found.places), found.behind, found.reached)


def merged(found: Mapping[str, FoundRecords], places: Places, most: int) -> FoundEverywhere:
    """Return the newest of what was found in each trail, as far as no trail may have something newer."""
    certain = max((each.reached for each in found.values() if each.behind is not None), default="")
    taken = dict.fromkeys(found, 0)
    records: list[Record] = []
    trails = [[(time_of(record), name, record) for record in each.records] for name, each in found.items()]
    for time, name, record in merge(*trails, key=lambda entry: entry[0], reverse=True):
        stuck = not any(taken.values()) and not any(_advances(each) for each in found.values())
        if len(records) == most or (time < certain and not stuck and len(found) > 1):
            break
        records.append(record)
        taken[name] += 1
    return FoundEverywhere(
        records,
        {
            name: place
            for name, each in found.items()
            if (place := _place(each, taken[name], places[name])) is not None or _is_untouched(each, taken[name])
        },
    )


def _advances(found: FoundRecords) -> bool:
    """Whether a trail without records was searched further."""
    return not found.records and found.behind is not None


def _is_untouched(found: FoundRecords, taken: int) -> bool:
    return taken == 0 and bool(found.records)


def _place(found: FoundRecords, taken: int, before: TrailPosition | None) -> TrailPosition | None:
    if taken == len(found.records):
        return found.behind
    return found.places[taken - 1] if taken else before


def time_of(record: Record) -> str:
    """Return when a record was written, ISO 8601; empty if it does not say."""
    return str(record.get("eventTime") or record.get("time") or "")
