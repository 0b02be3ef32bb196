"""Tags of nodes and documents, and the listings that are filtered by them."""

import json
from typing import TYPE_CHECKING

import pytest

from ferryman.core.documents import actions as documents
from ferryman.core.documents.listing import list_documents
from ferryman.core.documents.requests import DocumentDraft, ListDocumentsRequest
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes.activations import create_activation
from ferryman.core.nodes.listing import describe_instance_information
from ferryman.core.nodes.requests import CreateActivationRequest, DescribeNodesRequest, RegisterNodeRequest
from ferryman.core.tags import add_tags_to_resource, list_tags_for_resource, remove_tags_from_resource
from ferryman.model.errors import ServiceError
from ferryman.model.tags import ResourceType

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

NODE = "ManagedInstance"
CONTENT = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream"})


async def tags(world: "World", kind: str, name: str) -> dict[str, str]:
    return dict(await list_tags_for_resource(world.service, world.alice, kind, name))


async def tagged(world: "World", *filters: tuple[str, tuple[str, ...]]) -> set[str]:
    request = DescribeNodesRequest(filters=filters)
    page = await describe_instance_information(world.service, world.alice, request)
    return {view.node.node_id for view in page.items}


async def test_tags_are_added_replaced_and_removed(world: "World") -> None:
    node_id = await world.register()
    assert await tags(world, NODE, node_id) == {}
    await add_tags_to_resource(world.service, world.administrator, NODE, node_id, {"b": "1", "a": ""})
    await add_tags_to_resource(world.service, world.administrator, NODE, node_id, {"b": "2", "é =": "x y"})
    assert await tags(world, NODE, node_id) == {"a": "", "b": "2", "é =": "x y"}
    await remove_tags_from_resource(world.service, world.administrator, NODE, node_id, ["b", "never"])
    assert await tags(world, NODE, node_id) == {"a": "", "é =": "x y"}


async def test_nodes_are_found_by_tag(world: "World") -> None:
    web, db, other = [await world.register() for _ in range(3)]
    await add_tags_to_resource(world.service, world.administrator, NODE, web, {"role": "web", "stage": "test"})
    await add_tags_to_resource(world.service, world.administrator, NODE, db, {"role": "db"})
    assert await tagged(world, ("tag:role", ("web",))) == {web}
    assert await tagged(world, ("tag:role", ("web", "db"))) == {web, db}
    assert await tagged(world, ("tag:role", ("web", "db")), ("tag:stage", ("test",))) == {web}
    assert await tagged(world, ("tag-key", ("stage", "role"))) == {web, db}
    assert await tagged(world, ("tag:role", ("web",)), ("InstanceIds", (other,))) == set()
    assert await tagged(world, ("tag:Role", ("web",))) == set()


async def test_pages_of_tagged_nodes_walk_everything(world: "World") -> None:
    everything = sorted([await world.register() for _ in range(60)])
    wanted = everything[::7]
    for node_id in wanted:
        await add_tags_to_resource(world.service, world.administrator, NODE, node_id, {"x": "y"})
    seen: list[str] = []
    token = None
    while True:
        request = DescribeNodesRequest(5, token, (("tag:x", ("y",)),))
        page = await describe_instance_information(world.service, world.alice, request)
        seen += [view.node.node_id for view in page.items]
        if (token := page.next_token) is None:
            break
        assert len(page.items) == 5
    assert seen == wanted


async def test_an_activation_s_tags_and_name_become_those_of_its_nodes(world: "World") -> None:
    request = CreateActivationRequest("role", default_instance_name="web", tags={"stage": "test"})
    ticket = await create_activation(world.service, world.administrator, request)
    registration = RegisterNodeRequest(ticket.activation_id, ticket.activation_code, world.public_key, "Rsa", "print")
    node_id = await nodes.register_managed_instance(world.service, registration)
    assert await tags(world, NODE, node_id) == {"stage": "test"}
    node = await world.store.nodes.get(node_id)
    assert node is not None
    assert node.name == "web"
    await nodes.deregister_managed_instance(world.service, world.administrator, node_id)
    with pytest.raises(ServiceError) as gone:
        await tags(world, NODE, node_id)
    assert gone.value.code == "InvalidResourceId"
    assert await world.store.tags.of(ResourceType.NODE, [node_id]) == {}


async def test_documents_have_tags_and_are_found_by_them(world: "World") -> None:
    for name, given in (("One", {"team": "a"}), ("Two", {})):
        await documents.create_document(world.service, world.administrator, DocumentDraft(name, CONTENT), given)
    await add_tags_to_resource(world.service, world.administrator, "Document", "Two", {"team": "b"})
    assert await tags(world, "Document", "One") == {"team": "a"}
    for filters, expected in (
        ((("tag:team", ("b",)),), ["Two"]),
        ((("tag-key", ("team",)),), ["One", "Two"]),
    ):
        page = await list_documents(world.service, world.alice, ListDocumentsRequest(filters=filters))
        assert [row.stored.name for row in page.items] == expected
    await documents.delete_document(world.service, world.administrator, "One", None)
    await documents.create_document(world.service, world.administrator, DocumentDraft("One", CONTENT), {})
    assert await tags(world, "Document", "One") == {}


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [
        (NODE, "mi-0123456789abcdef0", "InvalidResourceId"),
        ("Document", "No-Such", "InvalidResourceId"),
        ("Document", "AWS-StartSSHSession", "InvalidResourceId"),
        ("Parameter", "x", "InvalidResourceType"),
        ("Activation", "x", "InvalidResourceType"),
    ],
)
async def test_what_cannot_be_tagged(world: "World", kind: str, name: str, code: str) -> None:
    for attempt in (
        add_tags_to_resource(world.service, world.administrator, kind, name, {"a": "b"}),
        list_tags_for_resource(world.service, world.administrator, kind, name),
        remove_tags_from_resource(world.service, world.administrator, kind, name, ["a"]),
    ):
        with pytest.raises(ServiceError) as refused:
            await attempt
        assert refused.value.code == code


async def test_tags_that_are_refused(world: "World") -> None:
    node_id = await world.register()
    with pytest.raises(ServiceError, match="aws:") as reserved:
        await add_tags_to_resource(world.service, world.administrator, NODE, node_id, {"aws:x": "y"})
    assert reserved.value.code == "ValidationException"
    many = {str(number): "" for number in range(50)}
    await add_tags_to_resource(world.service, world.administrator, NODE, node_id, many)
    await add_tags_to_resource(world.service, world.administrator, NODE, node_id, {"7": "again"})
    with pytest.raises(ServiceError) as full:
        await add_tags_to_resource(world.service, world.administrator, NODE, node_id, {"one": "more"})
    assert full.value.code == "TooManyTagsError"
    with pytest.raises(ServiceError) as denied:
        await add_tags_to_resource(world.service, world.alice, NODE, node_id, {"x": "y"})
    assert denied.value.code == "AccessDeniedException"
