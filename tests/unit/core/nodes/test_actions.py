"""Activations, registration, role tokens, what nodes say, listing, deregistration."""

import asyncio
import base64
import re
import uuid
from collections import Counter
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import String

from ferryman.core.identity.callers import authenticate
from ferryman.core.messages import CloseControlChannel
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes.activations import create_activation
from ferryman.core.nodes.requests import ActivationTicket, CreateActivationRequest, RegisterNodeRequest
from ferryman.core.ports.nodes import ANY_NODE
from ferryman.core.service import Service
from ferryman.core.sessions.lifecycle import ends_attached
from ferryman.core.vault import Vault
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.nodes import NodeInformation
from ferryman.model.sessions import SessionStatus
from ferryman.model.values.secret import Secret
from ferryman.store.tables.nodes import nodes as table

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

DAY = 86_400_000


def request(world: "World", ticket: ActivationTicket, code: str | None = None) -> RegisterNodeRequest:
    secret = ticket.activation_code if code is None else Secret(code)
    return RegisterNodeRequest(ticket.activation_id, secret, world.public_key, "Rsa", "print")


async def activate(world: "World", limit: int = 1, expires_at: Millis | None = None) -> ActivationTicket:
    wanted = CreateActivationRequest("role", "d", "web", limit, expires_at)
    return await create_activation(world.service, world.administrator, wanted)


async def test_an_activation_has_the_forms_agents_check(world: "World") -> None:
    ticket = await activate(world)
    assert str(uuid.UUID(ticket.activation_id)) == ticket.activation_id
    assert re.fullmatch(r"[a-z2-7]{24}", ticket.activation_code.reveal())


async def test_only_the_codes_hash_is_stored(world: "World") -> None:
    ticket = await activate(world)
    stored = await world.store.activations.get(ticket.activation_id)
    assert stored is not None
    assert ticket.activation_code.reveal() not in repr(stored)
    assert len(stored.code_hash) == 32
    assert stored.expires_at == world.clock() + DAY


async def test_only_administrators_make_activations(world: "World") -> None:
    with pytest.raises(ServiceError) as refused:
        await create_activation(world.service, world.alice, CreateActivationRequest("role"))
    assert refused.value.code == "AccessDeniedException"


@pytest.mark.parametrize("after", [-1, 0, 30 * DAY + 1])
async def test_an_activation_expires_within_thirty_days(world: "World", after: int) -> None:
    with pytest.raises(ServiceError, match="ExpirationDate") as refused:
        await activate(world, expires_at=Millis(world.clock() + after))
    assert refused.value.code == "ValidationException"
    await activate(world, expires_at=Millis(world.clock() + 30 * DAY))


async def test_registration_makes_a_node_of_the_activation(world: "World") -> None:
    ticket = await activate(world)
    node_id = await nodes.register_managed_instance(world.service, request(world, ticket))
    assert re.fullmatch(r"mi-[0-9a-f]{17}", node_id)
    node = await nodes.find_node(world.service, node_id)
    assert (node.name, node.iam_role, node.activation_id) == ("web", "role", ticket.activation_id)
    assert (node.public_key, node.registered_at) == (world.public_key, world.clock())


async def test_a_wrong_code_and_an_unknown_activation_look_alike(world: "World") -> None:
    ticket = await activate(world)
    messages = set()
    unknown = replace(request(world, ticket), activation_id=str(uuid.UUID(int=0)))
    for wrong in (request(world, ticket, "a" * 24), request(world, ticket, ""), unknown):
        with pytest.raises(ServiceError) as refused:
            await nodes.register_managed_instance(world.service, wrong)
        assert refused.value.code == "InvalidActivation"
        messages.add(refused.value.message)
    assert len(messages) == 1


async def test_an_expired_activation_is_refused(world: "World") -> None:
    ticket = await activate(world)
    world.clock.advance(days=1)
    with pytest.raises(ServiceError) as refused:
        await nodes.register_managed_instance(world.service, request(world, ticket))
    assert refused.value.code == "ActivationExpired"


async def test_the_limit_holds_for_concurrent_registrations(world: "World") -> None:
    ticket = await activate(world, limit=7)
    answers = await asyncio.gather(
        *(nodes.register_managed_instance(world.service, request(world, ticket)) for _ in range(30)),
        return_exceptions=True,
    )
    codes = Counter(answer.code if isinstance(answer, ServiceError) else "registered" for answer in answers)
    assert codes == {"registered": 7, "RegistrationLimitExceeded": 23}
    assert len(await world.store.nodes.page(ANY_NODE, None, 100)) == 7


def keys() -> list[tuple[str, str]]:
    """Keys that are none: (text, type)."""

    def spki(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> str:
        return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    short = spki(rsa.generate_private_key(65537, 1024).public_key())  # noqa: S505 - it is there to be refused
    good = spki(rsa.generate_private_key(65537, 2048).public_key())
    curve = spki(ec.generate_private_key(ec.SECP256R1()).public_key())
    long = spki(rsa.RSAPublicNumbers(65537, 2**16000 + 1).public_key())
    unusable = spki(rsa.RSAPublicNumbers(65537, 2**4100 + 1).public_key())  # the server would verify none of its calls
    slow = spki(rsa.RSAPublicNumbers(2**3071 + 1, 2**3072 - 1).public_key())
    return [
        ("", "Rsa"),
        ("!", "Rsa"),
        ("AAAA", "Rsa"),
        (short, "Rsa"),
        (long, "Rsa"),
        (unusable, "Rsa"),
        (slow, "Rsa"),
        (curve, "Rsa"),
        (good, "Dsa"),
        (good[4:], "Rsa"),
    ]


async def test_bad_public_keys_are_refused_and_cost_no_registration(world: "World") -> None:
    ticket = await activate(world)
    for text, kind in keys():
        with pytest.raises(ServiceError) as refused:
            await nodes.register_managed_instance(
                world.service, replace(request(world, ticket), public_key=text, public_key_type=kind)
            )
        assert refused.value.code == "InvalidPublicKey"
    await nodes.register_managed_instance(world.service, request(world, ticket))


async def test_node_credentials_are_good_until_they_expire_whatever_happens(world: "World") -> None:
    node_id = await world.register()
    node = await nodes.find_node(world.service, node_id)
    first = await nodes.request_role_token(world.service, node, "print")
    await nodes.request_role_token(world.service, node, "print")
    assert (first.expires_at, first.update_key_pair) == (world.clock() + 3_600_000, False)
    credentials = first.credentials
    assert re.fullmatch(r"ASIA[A-Z2-7]{16}", credentials.access_key_id)
    assert credentials.session_token is not None
    world.clock.advance(minutes=59)
    restarted = replace(world.service)
    known = await authenticate(restarted, credentials.access_key_id, credentials.session_token.reveal())
    assert (known.caller.node_id, known.secret) == (node_id, credentials.secret_access_key)
    world.clock.advance(minutes=1)
    with pytest.raises(ServiceError) as refused:
        await authenticate(world.service, credentials.access_key_id, credentials.session_token.reveal())
    assert refused.value.code == "ExpiredTokenException"


async def test_altered_foreign_and_unregistered_credentials_are_not_recognised(world: "World") -> None:
    node_id = await world.register()
    node = await nodes.find_node(world.service, node_id)
    mine = (await nodes.request_role_token(world.service, node, "print")).credentials
    other = (await nodes.request_role_token(world.service, node, "print")).credentials
    assert mine.session_token is not None
    assert other.session_token is not None
    token = mine.session_token.reveal()
    stranger = replace(world.service, vault=Vault(bytes(32), world.service.entropy))
    attempts = [
        (world.service, mine.access_key_id, other.session_token.reveal()),
        (world.service, mine.access_key_id, token[:-4]),
        (world.service, mine.access_key_id, ""),
        (world.service, mine.access_key_id, "\ud800"),
        (stranger, mine.access_key_id, token),
    ]
    for service, key_id, text in attempts:
        with pytest.raises(ServiceError) as refused:
            await authenticate(service, key_id, text)
        assert refused.value.code == "UnrecognizedClientException"
    await nodes.deregister_managed_instance(world.service, world.administrator, node_id)
    with pytest.raises(ServiceError) as refused:
        await authenticate(world.service, mine.access_key_id, token)
    assert refused.value.code == "UnrecognizedClientException"


async def test_a_cloned_disk_gets_no_credentials(world: "World") -> None:
    node = await nodes.find_node(world.service, await world.register())
    with pytest.raises(ServiceError) as refused:
        await nodes.request_role_token(world.service, node, "another print")
    assert refused.value.code == "MachineFingerprintDoesNotMatch"


async def test_a_new_key_replaces_the_old_one_immediately(world: "World") -> None:
    node = await nodes.find_node(world.service, await world.register())
    fresh = rsa.generate_private_key(65537, 2048).public_key()
    text = base64.b64encode(fresh.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    with pytest.raises(ServiceError):
        await nodes.update_public_key(world.service, node, "AAAA", "Rsa")
    await nodes.update_public_key(world.service, node, text, "Rsa")
    assert (await nodes.find_node(world.service, node.node_id)).public_key == text
    with pytest.raises(ServiceError) as refused:  # signed with the key that was replaced meanwhile
        await nodes.update_public_key(world.service, node, world.public_key, "Rsa")
    assert refused.value.code == "UnrecognizedClientException"


async def test_an_unknown_node_is_not_recognised(world: "World") -> None:
    with pytest.raises(ServiceError) as refused:
        await nodes.find_node(world.service, "mi-00000000000000000")
    assert refused.value.code == "UnrecognizedClientException"


async def test_a_ping_keeps_the_last_full_report(world: "World") -> None:
    node_id = await world.register()
    caller = world.node_caller(node_id)
    full = NodeInformation("agent", "1.2.3.4", "Linux", "Debian", "12", "web-1", "10.0.0.1")
    await nodes.update_information(world.service, caller, node_id, full)
    world.clock.advance(minutes=5)
    ping = NodeInformation("agent", "1.2.3.5", "Linux")
    await nodes.update_information(world.service, caller, node_id, ping)
    node = await nodes.find_node(world.service, node_id)
    assert node.information == replace(full, agent_version="1.2.3.5")
    assert node.last_ping_at == world.clock()


async def test_what_a_node_says_of_itself_is_cut(world: "World") -> None:
    """PostgreSQL would refuse it, and SQLite store it."""
    node_id = await world.register()
    said = NodeInformation(*("x" * 2000 for _ in fields(NodeInformation)))
    await nodes.update_information(world.service, world.node_caller(node_id), node_id, said)
    kept = asdict((await nodes.find_node(world.service, node_id)).information)
    for name, value in kept.items():
        column = table.c[name].type
        assert isinstance(column, String)
        assert len(value) == column.length


async def test_a_node_speaks_for_itself_only(world: "World") -> None:
    first, second = await world.register(), await world.register()
    for caller in (world.node_caller(second), world.administrator):
        with pytest.raises(ServiceError) as refused:
            await nodes.update_information(world.service, caller, first, NodeInformation("agent"))
        assert refused.value.code == "AccessDeniedException"


async def test_deregistering_ends_sessions_and_the_control_channel(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await world.start(node_id)
    relay = await world.hold(ticket.session_id)
    await ends_attached(world.service, ticket.session_id)
    await nodes.deregister_managed_instance(world.service, world.administrator, node_id)
    await world.bus.drain()
    session = await world.session(ticket.session_id)
    assert session.status is SessionStatus.TERMINATING
    assert relay.ended == [session.details] == [f"{node_id} was deregistered by {world.administrator.arn}."]
    assert control.received == [CloseControlChannel()]
    with pytest.raises(ServiceError) as refused:
        await nodes.deregister_managed_instance(world.service, world.administrator, node_id)
    assert refused.value.code == "InvalidInstanceId"


async def test_operators_deregister_nothing(world: "World") -> None:
    node_id = await world.register()
    with pytest.raises(ServiceError) as refused:
        await nodes.deregister_managed_instance(world.service, world.alice, node_id)
    assert refused.value.code == "AccessDeniedException"


async def test_a_role_is_changed_by_administrators(world: "World") -> None:
    node_id = await world.register()
    await nodes.update_managed_instance_role(world.service, world.administrator, node_id, "another")
    assert (await nodes.find_node(world.service, node_id)).iam_role == "another"
    for caller, target, code in (
        (world.alice, node_id, "AccessDeniedException"),
        (world.node_caller(node_id), node_id, "AccessDeniedException"),
        (world.administrator, "mi-00000000000000000", "InvalidInstanceId"),
    ):
        with pytest.raises(ServiceError) as refused:
            await nodes.update_managed_instance_role(world.service, caller, target, "another")
        assert refused.value.code == code


def new_public_key() -> str:
    key = rsa.generate_private_key(65537, 2048).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


async def test_a_node_with_an_old_key_is_asked_to_rotate_it(world: "World") -> None:
    node_id = await world.register()
    limits = replace(world.service.settings.limits, node_key_days=30)
    careful = replace(world.service, settings=replace(world.service.settings, limits=limits))

    async def told(service: Service) -> bool:
        node = await nodes.find_node(service, node_id)
        return (await nodes.request_role_token(service, node, "print")).update_key_pair

    world.clock.advance(days=30)
    assert not await told(careful)
    world.clock.advance(seconds=1)
    assert await told(careful)
    assert not await told(world.service)
    await nodes.update_public_key(careful, await nodes.find_node(careful, node_id), new_public_key(), "Rsa")
    assert not await told(careful)
    world.clock.advance(days=31)
    assert await told(careful)


async def test_a_control_channel_tells_of_agents_that_say_nothing_else(world: "World") -> None:
    node_id = await world.register()
    opened = world.clock()
    assert await nodes.control_channel_opened(world.service, node_id, "3.3.0.0", "windows")
    node = await nodes.find_node(world.service, node_id)
    assert node.information == NodeInformation(agent_version="3.3.0.0", platform_type="Windows")
    assert node.last_ping_at == opened
    world.clock.advance(minutes=90)
    await nodes.control_channel_closed(world.service, node_id)
    assert (await nodes.find_node(world.service, node_id)).last_ping_at == world.clock()


async def test_a_control_channel_does_not_override_what_an_agent_reported(world: "World") -> None:
    node_id = await world.register()
    full = NodeInformation("agent", "1.2.3.4", "Linux", "Debian", "12", "web-1", "10.0.0.1")
    await nodes.update_information(world.service, world.node_caller(node_id), node_id, full)
    said = world.clock()
    world.clock.advance(minutes=5)
    assert await nodes.control_channel_opened(world.service, node_id, "1.2.3.4", "linux")
    await nodes.control_channel_closed(world.service, node_id)
    node = await nodes.find_node(world.service, node_id)
    assert (node.information, node.last_ping_at) == (full, said)
    assert await nodes.control_channel_opened(world.service, node_id, "1.2.3.5", "")
    assert (await nodes.find_node(world.service, node_id)).information == replace(full, agent_version="1.2.3.5")


async def test_a_control_channel_of_no_node_does_not_stay(world: "World") -> None:
    node_id = await world.register()
    await nodes.deregister_managed_instance(world.service, world.administrator, node_id)
    assert not await nodes.control_channel_opened(world.service, node_id, "1.0.0.0", "linux")
    await nodes.control_channel_closed(world.service, node_id)
