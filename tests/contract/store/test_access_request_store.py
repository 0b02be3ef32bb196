"""What every adapter of the access request store must do."""

import asyncio
from dataclasses import replace
from itertools import product
from typing import Any

from ferryman.core.ports.people.access_requests import AccessRequestChanges, AccessRequestPosition, AccessRequestQuery
from ferryman.core.ports.store import Store
from ferryman.model.access_requests import (
    OVER,
    TRANSITIONS,
    AccessRequestId,
    AccessRequestStatus,
)
from ferryman.model.identifiers import Millis, NodeId
from ferryman.model.tags import ResourceType
from tests.contract.store.access_request_samples import ALICE, NOTHING, PENDING, another, approval


async def test_requests_come_back_as_they_were(store: Store) -> None:
    full = another(
        2,
        status=AccessRequestStatus.REJECTED,
        decided_at=Millis(2),
        decided_by="arn:boss",
        ended_at=Millis(3),
        details="no",
        levels=(),
    )
    for request in (PENDING, full):
        assert await store.access_requests.add(request, 5)
        assert await store.access_requests.get(request.request_id) == request
        assert await store.access_requests.by_execution(request.execution_id) == request
    assert await store.access_requests.get("oi-nothing") is None


async def test_pending_requests_of_one_requester_are_limited(store: Store) -> None:
    requests = [another(number) for number in range(1, 9)]
    added = await asyncio.gather(*(store.access_requests.add(request, 3) for request in requests))
    assert sum(added) == 3
    other = another(20, requester=replace(ALICE, person_id="AIDA2"))
    assert await store.access_requests.add(other, 3)
    approved = another(21, status=AccessRequestStatus.APPROVED)
    assert await store.access_requests.add(approved, 3)
    refused = next(request for request, was_added in zip(requests, added, strict=True) if not was_added)
    assert await store.access_requests.get(refused.request_id) is None


async def test_the_table_decides_every_step(store: Store) -> None:
    changes = AccessRequestChanges(Millis(9000), Millis(4), "arn:boss", Millis(5), "why")
    for number, (source, to) in enumerate(product(AccessRequestStatus, AccessRequestStatus)):
        request = another(number, status=source)
        await store.access_requests.add(request, 50)
        in_time, out_of_time = Millis(4999), Millis(5000)
        if to is AccessRequestStatus.EXPIRED:
            in_time, out_of_time = out_of_time, in_time
        assert await store.access_requests.transition(request.request_id, to, NOTHING, out_of_time) is None
        changed = await store.access_requests.transition(request.request_id, to, changes, in_time)
        assert (changed is not None) == (to in TRANSITIONS[source])
        if changed is not None:
            assert changed == replace(
                request,
                status=to,
                deadline_at=Millis(9000),
                decided_at=Millis(4),
                decided_by="arn:boss",
                ended_at=Millis(5),
                details="why",
            )


async def test_one_of_many_makes_the_change(store: Store) -> None:
    await store.access_requests.add(PENDING, 5)
    steps = [AccessRequestStatus.APPROVED, AccessRequestStatus.REJECTED] * 5
    changed = await asyncio.gather(
        *(store.access_requests.transition(PENDING.request_id, to, NOTHING, Millis(1)) for to in steps)
    )
    assert sum(each is not None for each in changed) == 1


async def test_a_person_approves_once(store: Store) -> None:
    await store.access_requests.add(PENDING, 5)
    given = await asyncio.gather(
        *(store.access_requests.approve(PENDING.request_id, approval("a")) for _ in range(5)),
        store.access_requests.approve(PENDING.request_id, approval("b", at=2001)),
    )
    assert sum(each is not None for each in given) == 2
    request = await store.access_requests.get(PENDING.request_id)
    assert request is not None
    assert request.approvals == (approval("a"), approval("b", at=2001))
    assert request.current_level == 1


async def test_approvals_come_in_time_or_not_at_all(store: Store) -> None:
    await store.access_requests.add(PENDING, 5)
    assert await store.access_requests.approve(PENDING.request_id, approval("a", at=5000)) is None
    assert await store.access_requests.approve(AccessRequestId("oi-nothing"), approval("a")) is None
    await store.access_requests.transition(PENDING.request_id, AccessRequestStatus.REJECTED, NOTHING, Millis(1))
    assert await store.access_requests.approve(PENDING.request_id, approval("a")) is None
    request = await store.access_requests.get(PENDING.request_id)
    assert request is not None
    assert request.approvals == ()


async def test_what_is_due_is_what_can_expire(store: Store) -> None:
    for number, status in enumerate(AccessRequestStatus):
        await store.access_requests.add(another(number, status=status, deadline_at=Millis(5000 - number)), 5)
    due = [request.status for request in await store.access_requests.due(Millis(5000), 10)]
    assert due == [AccessRequestStatus.APPROVED, AccessRequestStatus.PENDING]
    assert await store.access_requests.due(Millis(4998), 10) == []
    assert len(await store.access_requests.due(Millis(5000), 1)) == 1


async def test_pages_are_newest_first_and_filtered(store: Store) -> None:
    for number in range(6):
        members: dict[str, Any] = {"created_at": Millis(1000 + number // 2)}
        if number % 2:
            members["requester"] = replace(ALICE, identity_id="AIDA2", arn="arn:bob")
            members["nodes"] = (NodeId("mi-3"),)
            members["status"] = AccessRequestStatus.APPROVED
        await store.access_requests.add(another(number, **members), 50)

    async def page(after: AccessRequestPosition | None = None, limit: int = 10, **filters: Any) -> list[int]:
        found = await store.access_requests.page(AccessRequestQuery(**filters), after, limit)
        return [int(request.request_id[3:], 16) for request in found]

    assert await page() == [4, 5, 2, 3, 0, 1]
    assert await page(limit=3) == [4, 5, 2]
    assert await page(AccessRequestPosition(Millis(1001), AccessRequestId("oi-000000000002"))) == [3, 0, 1]
    assert await page(statuses=frozenset({AccessRequestStatus.APPROVED})) == [5, 3, 1]
    assert await page(statuses=OVER) == []
    assert await page(statuses=frozenset()) == []
    assert await page(requester_id="AIDA2", node_id="mi-3", requester_arn="arn:bob") == [5, 3, 1]
    assert await page(node_id="mi-2") == [4, 2, 0]
    assert await page(request_id="oi-000000000003") == [3]
    assert await page(created_after=Millis(1000), created_before=Millis(1002)) == [2, 3]


async def test_pruning_deletes_approvals_and_tags_too(store: Store) -> None:
    for number, ended_at in enumerate((1000, 2000, None)):
        await store.access_requests.add(another(number, ended_at=ended_at), 5)
        await store.access_requests.approve(another(number).request_id, approval("a"))
    for number in (0, 2):
        await store.tags.put(ResourceType.OPS_ITEM, another(number).request_id, {"k": "v"})
    assert await store.access_requests.prune(Millis(1001), 10) == 1
    ids = [another(number).request_id for number in (0, 2)]
    assert set(await store.tags.of(ResourceType.OPS_ITEM, ids)) == {another(2).request_id}
    assert await store.access_requests.prune(Millis(9999), 10) == 1
    assert await store.access_requests.get(another(0).request_id) is None
    assert await store.access_requests.get(another(2).request_id) is not None
    assert await store.access_requests.add(another(0), 5)
    again = await store.access_requests.get(another(0).request_id)
    assert again is not None
    assert again.approvals == ()
