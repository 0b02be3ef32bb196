"""Nodes and activations, over every adapter of the store."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from ferryman.core.ports.nodes import (
    ANY_NODE,
    ActivationMember,
    ActivationPosition,
    ActivationQuery,
    NodeMember,
    NodeQuery,
)
from ferryman.core.ports.store import Store
from ferryman.model.identifiers import ActivationId, Millis, NodeId
from ferryman.model.nodes import Activation, ManagedNode, NodeInformation
from ferryman.model.tags import ResourceType

NODE = ManagedNode(NodeId("mi-1"), "key", "print", ActivationId("a"), "role", Millis(1), Millis(2))


async def test_nodes_come_back_as_they_were(store: Store) -> None:
    said = NodeInformation("agent", "1.2.3.4", "Linux", "Debian", "12", "web", "::1")
    full = replace(NODE, node_id=NodeId("mi-2"), name="web", last_ping_at=Millis(9), information=said)
    for node in (NODE, full):
        await store.nodes.add(node)
        assert await store.nodes.get(node.node_id) == node
    assert await store.nodes.page(ANY_NODE, None, 10) == [NODE, full]
    assert await store.nodes.page(ANY_NODE, NODE.node_id, 10) == [full]
    assert await store.nodes.page(ANY_NODE, None, 1) == [NODE]
    assert await store.nodes.get(NodeId("mi-3")) is None


async def test_node_information_is_merged(store: Store) -> None:
    await store.nodes.add(NODE)
    assert await store.nodes.update_information(NODE.node_id, NodeInformation("a", "1", "Linux"), Millis(5))
    assert await store.nodes.update_information(NODE.node_id, NodeInformation(agent_version="2"), Millis(6))
    node = await store.nodes.get(NODE.node_id)
    assert node == replace(NODE, last_ping_at=Millis(6), information=NodeInformation("a", "2", "Linux"))
    assert not await store.nodes.update_information(NodeId("mi-9"), NodeInformation("a"), Millis(5))


async def test_a_nodes_key_is_replaced_once(store: Store) -> None:
    await store.nodes.add(NODE)
    replacing = (store.nodes.replace_key(NODE.node_id, "key", str(n), Millis(7)) for n in range(10))
    assert sum(await asyncio.gather(*replacing)) == 1
    node = await store.nodes.get(NODE.node_id)
    assert node == replace(NODE, public_key=node.public_key if node else "", key_since=Millis(7))
    assert not await store.nodes.replace_key(NodeId("mi-9"), "key", "x", Millis(7))


async def test_a_nodes_role_is_changed(store: Store) -> None:
    await store.nodes.add(NODE)
    assert await store.nodes.set_role(NODE.node_id, "other")
    assert await store.nodes.get(NODE.node_id) == replace(NODE, iam_role="other")
    assert not await store.nodes.set_role(NodeId("mi-9"), "other")


async def fleet(store: Store) -> list[str]:
    """Thirty nodes of which every second, third and fifth has something in common."""
    for number in range(30):
        node_id = NodeId(f"mi-{number:02}")
        node = replace(
            NODE,
            node_id=node_id,
            activation_id=ActivationId("even" if number % 2 == 0 else "odd"),
            iam_role="third" if number % 3 == 0 else "role",
            information=NodeInformation("a", "5.0" if number % 5 == 0 else "1.0", "Linux" if number % 2 else "MacOS"),
        )
        await store.nodes.add(node)
        given = {"parity": str(number % 2)} | ({"third": ""} if number % 3 == 0 else {})
        await store.tags.put(ResourceType.NODE, node_id, given)
        await store.tags.put(ResourceType.DOCUMENT, node_id, {"parity": "1", "other": "1"})
    return [f"mi-{number:02}" for number in range(30)]


NODE_QUERIES: list[tuple[NodeQuery, Callable[[int], bool]]] = [
    (NodeQuery(((NodeMember.NODE_ID, ("mi-03", "mi-04", "mi-99")),)), lambda n: n in (3, 4)),
    (NodeQuery(((NodeMember.AGENT_VERSION, ("5.0",)),)), lambda n: n % 5 == 0),
    (NodeQuery(((NodeMember.PLATFORM_TYPE, ("Linux",)),)), lambda n: n % 2 == 1),
    (NodeQuery(((NodeMember.ACTIVATION_ID, ("even", "odd")),)), lambda n: True),
    (NodeQuery(((NodeMember.ACTIVATION_ID, ("even",)), (NodeMember.IAM_ROLE, ("third",)))), lambda n: n % 6 == 0),
    (NodeQuery(((NodeMember.IAM_ROLE, ("third",)), (NodeMember.IAM_ROLE, ("role",)))), lambda n: False),
    (NodeQuery(tags=(("parity", ("1",)),)), lambda n: n % 2 == 1),
    (NodeQuery(tags=(("parity", ("0", "1")), ("third", ("",)))), lambda n: n % 3 == 0),
    (NodeQuery(tags=(("Parity", ("1",)),)), lambda n: False),
    (NodeQuery(tag_keys=(("third", "never"),)), lambda n: n % 3 == 0),
    (NodeQuery(tag_keys=(("parity",), ("other",))), lambda n: False),
    (NodeQuery(((NodeMember.AGENT_VERSION, ("5.0",)),), (("parity", ("0",)),)), lambda n: n % 10 == 0),
]


@pytest.mark.parametrize(("query", "fits"), NODE_QUERIES)
async def test_pages_of_nodes_hold_what_matches(store: Store, query: NodeQuery, fits: Callable[[int], bool]) -> None:
    expected = [node_id for number, node_id in enumerate(await fleet(store)) if fits(number)]
    seen: list[str] = []
    after = None
    while page := await store.nodes.page(query, after, 4):
        pings = await store.nodes.pings(query, after, 4)
        assert pings == [(node.node_id, node.last_ping_at) for node in page]
        seen += [node.node_id for node in page]
        after = page[-1].node_id
        assert len(page) == 4 or seen == expected
    assert seen == expected


async def test_a_node_is_removed_once(store: Store) -> None:
    await store.nodes.add(NODE)
    assert await store.nodes.remove(NODE.node_id)
    assert not await store.nodes.remove(NODE.node_id)
    assert await store.nodes.get(NODE.node_id) is None


ACTIVATION = Activation(ActivationId("a"), b"\0hash", "role", None, None, 3, 0, Millis(1), Millis(100))


async def test_an_activation_is_claimed_up_to_its_limit(store: Store) -> None:
    await store.activations.add(ACTIVATION)
    assert await store.activations.get(ACTIVATION.activation_id) == ACTIVATION
    answers = await asyncio.gather(*(store.activations.claim(ACTIVATION.activation_id, Millis(99)) for _ in range(10)))
    assert sum(answers) == 3
    assert await store.activations.get(ACTIVATION.activation_id) == replace(ACTIVATION, registrations=3)


async def test_an_expired_or_unknown_activation_is_not_claimed(store: Store) -> None:
    await store.activations.add(ACTIVATION)
    assert not await store.activations.claim(ACTIVATION.activation_id, Millis(100))
    assert not await store.activations.claim(ActivationId("b"), Millis(1))
    assert await store.activations.get(ActivationId("b")) is None


ACTIVATION_QUERIES: list[tuple[ActivationQuery, set[str]]] = [
    ((), {"a", "b", "c", "d"}),
    (((ActivationMember.ACTIVATION_ID, ("a", "d", "x")),), {"a", "d"}),
    (((ActivationMember.DEFAULT_NODE_NAME, ("web",)),), {"b", "d"}),
    (((ActivationMember.IAM_ROLE, ("other", "role")), (ActivationMember.DEFAULT_NODE_NAME, ("web",))), {"b", "d"}),
    (((ActivationMember.IAM_ROLE, ("other",)), (ActivationMember.DEFAULT_NODE_NAME, ("web",))), {"d"}),
]


@pytest.mark.parametrize(("query", "expected"), ACTIVATION_QUERIES)
async def test_activations_are_listed_newest_first(store: Store, query: ActivationQuery, expected: set[str]) -> None:
    for name, at, node_name, role in (("a", 5, None, "role"), ("b", 6, "web", "role"), ("c", 5, "db", "other")):
        given = replace(ACTIVATION, activation_id=ActivationId(name), created_at=Millis(at))
        await store.activations.add(replace(given, default_node_name=node_name, iam_role=role))
    newest = replace(ACTIVATION, activation_id=ActivationId("d"), created_at=Millis(7))
    await store.activations.add(replace(newest, default_node_name="web", iam_role="other"))
    seen: list[str] = []
    after = None
    while page := await store.activations.page(query, after, 1):
        seen += [activation.activation_id for activation in page]
        after = ActivationPosition(page[-1].created_at, page[-1].activation_id)
    assert seen == [name for name in "dbac" if name in expected]


async def test_an_activation_is_removed_once(store: Store) -> None:
    await store.activations.add(ACTIVATION)
    assert await store.activations.remove(ACTIVATION.activation_id)
    assert not await store.activations.remove(ACTIVATION.activation_id)
    assert await store.activations.get(ACTIVATION.activation_id) is None
