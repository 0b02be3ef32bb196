"""DescribeActivations and DeleteActivation."""

from typing import TYPE_CHECKING

import pytest

from ferryman.core.nodes.actions import find_node, register_managed_instance
from ferryman.core.nodes.activations import create_activation, delete_activation, describe_activations
from ferryman.core.nodes.requests import CreateActivationRequest, DescribeActivationsRequest, RegisterNodeRequest
from ferryman.model.errors import ServiceError
from ferryman.model.tags import ResourceType

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def listed(world: "World", *filters: tuple[str, tuple[str, ...]]) -> list[str]:
    request = DescribeActivationsRequest(filters=filters)
    page = await describe_activations(world.service, world.administrator, request)
    return [view.activation.activation_id for view in page.items]


async def test_activations_are_listed_with_what_became_of_them(world: "World") -> None:
    first = CreateActivationRequest("role", "a note", "web", 2, tags={"stage": "test"})
    web = await create_activation(world.service, world.administrator, first)
    world.clock.advance(minutes=1)
    db = await create_activation(world.service, world.administrator, CreateActivationRequest("other"))
    registration = RegisterNodeRequest(web.activation_id, web.activation_code, world.public_key, "Rsa", "print")
    await register_managed_instance(world.service, registration)
    world.clock.advance(days=1, minutes=-1)
    page = await describe_activations(world.service, world.administrator, DescribeActivationsRequest())
    newer, older = page.items
    assert [newer.activation.activation_id, older.activation.activation_id] == [db.activation_id, web.activation_id]
    assert (newer.expired, older.expired) == (False, True)
    assert (newer.activation.registrations, older.activation.registrations) == (0, 1)
    assert (newer.tags, older.tags) == ({}, {"stage": "test"})
    assert web.activation_code.reveal() not in repr(page)
    assert await listed(world, ("ActivationIds", (web.activation_id, "x"))) == [web.activation_id]
    assert await listed(world, ("DefaultInstanceName", ("web", "db"))) == [web.activation_id]
    assert await listed(world, ("IamRole", ("role", "other"))) == [db.activation_id, web.activation_id]
    assert await listed(world, ("IamRole", ("other",)), ("DefaultInstanceName", ("web",))) == []
    assert await listed(world, ("IamRole", ())) == []


async def test_pages_of_activations_walk_everything_newest_first(world: "World") -> None:
    made = []
    for number in range(7):
        world.clock.advance(seconds=number % 2)
        ticket = await create_activation(world.service, world.administrator, CreateActivationRequest("role"))
        made.append((-world.clock(), ticket.activation_id))
    seen: list[str] = []
    token = None
    while True:
        request = DescribeActivationsRequest(3, token)
        page = await describe_activations(world.service, world.administrator, request)
        seen += [view.activation.activation_id for view in page.items]
        if (token := page.next_token) is None:
            break
        last = token
    assert seen == [activation_id for _, activation_id in sorted(made)]
    with pytest.raises(ServiceError) as refused:
        await describe_activations(world.service, world.administrator, DescribeActivationsRequest(3, last[:-4]))
    assert refused.value.code == "InvalidNextToken"


async def test_a_deleted_activation_registers_no_nodes_and_keeps_those_it_registered(world: "World") -> None:
    wanted = CreateActivationRequest("role", registration_limit=2, tags={"stage": "test"})
    ticket = await create_activation(world.service, world.administrator, wanted)
    registration = RegisterNodeRequest(ticket.activation_id, ticket.activation_code, world.public_key, "Rsa", "print")
    node_id = await register_managed_instance(world.service, registration)
    await delete_activation(world.service, world.administrator, ticket.activation_id)
    assert (await find_node(world.service, node_id)).activation_id == ticket.activation_id
    assert await world.store.tags.of(ResourceType.ACTIVATION, [ticket.activation_id]) == {}
    assert await listed(world) == []
    for attempt in (
        register_managed_instance(world.service, registration),
        delete_activation(world.service, world.administrator, ticket.activation_id),
    ):
        with pytest.raises(ServiceError) as refused:
            await attempt
        assert refused.value.code == "InvalidActivation"


async def test_operators_cannot_see_or_delete_activations(world: "World") -> None:
    ticket = await create_activation(world.service, world.administrator, CreateActivationRequest("role"))
    for attempt in (
        describe_activations(world.service, world.alice, DescribeActivationsRequest()),
        delete_activation(world.service, world.alice, ticket.activation_id),
    ):
        with pytest.raises(ServiceError) as refused:
            await attempt
        assert refused.value.code == "AccessDeniedException"


async def test_an_invalid_filter_is_refused(world: "World") -> None:
    with pytest.raises(ServiceError) as refused:
        await listed(world, ("Name", ("x",)))
    assert refused.value.code == "InvalidFilter"
