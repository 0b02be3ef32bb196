"""An invitation gives its user's access key to whoever has its token: once, in time, and not after it is revoked."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from ferryman.core.iam import invitations
from ferryman.core.iam.access_keys import KEYS_A_USER
from ferryman.core.iam.invitations import INVITATIONS_A_USER, InvitationTicket
from ferryman.core.iam.operator import create_access_key
from ferryman.model.errors import ServiceError
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.secret import Secret
from tests.unit.core.access import person

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


def allow(action: str) -> dict[str, str]:
    return {"Effect": "Allow", "Action": action, "Resource": "*"}


async def invited(world: "World", seconds: int | None = None) -> InvitationTicket:
    return (await invitations.create_invitation(world.service, world.administrator, "alice", seconds))[1]


async def redeemed(world: "World", ticket: InvitationTicket, token: str | None = None) -> Credentials:
    secret = ticket.token if token is None else Secret(token)
    return (await invitations.redeem_invitation(world.service, ticket.invitation.invitation_id, secret))[1]


async def keys_of_alice(world: "World") -> list[str]:
    user = await world.service.store.identities.user_named("alice")
    assert user is not None
    return [key.access_key_id for key in await world.service.store.identities.keys_of(user.user_id)]


async def test_of_many_who_redeem_an_invitation_at_once_one_gets_a_key(world: "World") -> None:
    before = await keys_of_alice(world)
    ticket = await invited(world)
    answers = await asyncio.gather(*(redeemed(world, ticket) for _ in range(5)), return_exceptions=True)
    (made,) = [each for each in answers if isinstance(each, Credentials)]
    assert sorted(await keys_of_alice(world)) == sorted([*before, made.access_key_id])
    refused = {each.code for each in answers if isinstance(each, ServiceError)}
    assert refused <= {"InvalidInvitation", "LimitExceeded"}
    with pytest.raises(ServiceError, match="InvalidInvitation"):
        await redeemed(world, ticket)


async def test_several_invitations_of_a_user_give_no_more_keys_than_a_user_may_have(world: "World") -> None:
    tickets = [await invited(world) for _ in range(INVITATIONS_A_USER)]
    answers = await asyncio.gather(*(redeemed(world, each) for each in tickets), return_exceptions=True)
    assert len(await keys_of_alice(world)) == KEYS_A_USER
    assert {each.code for each in answers if isinstance(each, ServiceError)} == {"LimitExceeded"}


async def test_a_wrong_token_and_an_unknown_invitation_get_the_same_answer(world: "World") -> None:
    ticket = await invited(world)
    said = set()
    for given, token in ((ticket, "a" * 32), (await invited(world), ticket.token.reveal())):
        with pytest.raises(ServiceError) as refused:
            await redeemed(world, given, token)
        said.add(str(refused.value))
    with pytest.raises(ServiceError) as refused:
        await invitations.redeem_invitation(world.service, "no such id", Secret("a" * 32))
    assert said == {str(refused.value)}
    assert (await redeemed(world, ticket)).access_key_id


async def test_an_invitation_expires_after_a_day(world: "World") -> None:
    ticket, other = await invited(world), await invited(world, 300)
    world.clock.advance(seconds=300)
    with pytest.raises(ServiceError, match="InvitationExpired"):
        await redeemed(world, other)
    world.clock.advance(days=1, seconds=-300.001)
    assert (await redeemed(world, ticket)).access_key_id
    assert not (await invitations.list_invitations(world.service, world.administrator, "alice"))[1]


async def test_a_revoked_invitation_is_not_valid(world: "World") -> None:
    ticket = await invited(world)
    (listed,) = (await invitations.list_invitations(world.service, world.administrator, "alice"))[1]
    assert (listed.invitation_id, listed.created_by) == (ticket.invitation.invitation_id, world.administrator.arn)
    await invitations.delete_invitation(world.service, world.administrator, "alice", listed.invitation_id)
    with pytest.raises(ServiceError, match="InvalidInvitation"):
        await redeemed(world, ticket)
    with pytest.raises(ServiceError, match="NoSuchEntity"):
        await invitations.delete_invitation(world.service, world.administrator, "alice", listed.invitation_id)


async def test_a_user_with_all_keys_keeps_the_invitation(world: "World") -> None:
    ticket = await invited(world)
    while len(await keys_of_alice(world)) < 2:
        await create_access_key(world.service, "alice")
    with pytest.raises(ServiceError, match="LimitExceeded"):
        await redeemed(world, ticket)
    await world.service.store.identities.remove_key((await keys_of_alice(world))[0])
    assert (await redeemed(world, ticket)).access_key_id


async def test_pending_invitations_of_a_user_are_limited(world: "World") -> None:
    for _ in range(INVITATIONS_A_USER):
        await invited(world, 300)
    with pytest.raises(ServiceError, match="LimitExceeded"):
        await invited(world)
    world.clock.advance(seconds=300)
    await invited(world)
    user = await world.service.store.identities.user_named("alice")
    assert user is not None
    assert len(await world.service.store.invitations.of(user.user_id)) == 1, "expired ones are deleted"


async def test_the_token_is_not_in_the_store(world: "World") -> None:
    ticket = await invited(world)
    stored = await world.service.store.invitations.get(ticket.invitation.invitation_id)
    assert stored is not None
    assert ticket.token.reveal() not in repr(stored)
    assert ticket.token.reveal() not in repr(ticket)


async def test_inviting_needs_the_permission_to_create_access_keys(world: "World") -> None:
    clerk = await person(world, "clerk", allow("ferryman:CreateInvitation"))
    with pytest.raises(ServiceError, match=r"not authorized to perform: iam:CreateAccessKey"):
        await invitations.create_invitation(world.service, clerk, "alice", None)
    chief = await person(world, "chief", allow("ferryman:CreateInvitation"), allow("iam:CreateAccessKey"))
    assert (await invitations.create_invitation(world.service, chief, "alice", None))[1].token
