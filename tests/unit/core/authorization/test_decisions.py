"""Who may do what, and who is let in to a session."""

import asyncio
import base64
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ferryman.core.authorization.admission import (
    AuthorizedSession,
    End,
    SessionOver,
    SpentToken,
    admit_agent,
    admit_client,
)
from ferryman.core.authorization.decisions import require
from ferryman.core.channel_tokens import Channel, check_channel_token, issue_channel_token
from ferryman.core.sessions.actions import resume_session
from ferryman.core.sessions.lifecycle import end_session, fail_session, session_finished
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import SessionId

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


@pytest.mark.parametrize(
    ("who", "action", "allowed"),
    [
        ("administrator", "ssm:CreateActivation", True),
        ("administrator", "ssm:TerminateSession", True),
        ("administrator", "ssm:UpdateInstanceInformation", False),
        ("alice", "ssm:StartSession", True),
        ("alice", "ssm:DescribeSessions", True),
        ("alice", "ssm:DescribeInstanceInformation", True),
        ("alice", "ssm:GetConnectionStatus", True),
        ("alice", "ssm:CreateActivation", False),
        ("alice", "ssm:DeregisterManagedInstance", False),
        ("alice", "ssm:SomethingNew", False),
    ],
)
async def test_the_table(world: "World", who: str, action: str, allowed: bool) -> None:
    caller = getattr(world, who)
    if allowed:
        require(world.service, caller, action, "arn:aws:ssm:::x")
    else:
        with pytest.raises(ServiceError) as refused:
            require(world.service, caller, action, "arn:aws:ssm:::x")
        assert refused.value.code == "AccessDeniedException"
        assert refused.value.message.startswith(
            f"User: {caller.arn} is not authorized to perform: {action} on resource: arn:aws:ssm:::x"
        )


async def test_a_user_without_policies_may_do_nothing(world: "World") -> None:
    with pytest.raises(ServiceError):
        require(world.service, replace(world.alice, policies=()), "ssm:DescribeSessions", "*")


async def test_a_node_acts_for_itself_only(world: "World") -> None:
    first, second = world.node_caller(await world.node()), world.node_caller(await world.node())
    require(world.service, first, "ssm:UpdateInstanceInformation", first.arn)
    with pytest.raises(ServiceError):
        require(world.service, first, "ssm:UpdateInstanceInformation", second.arn)
    with pytest.raises(ServiceError):
        require(world.service, first, "ssm:StartSession", first.arn)


async def test_an_authorized_session_cannot_be_made_elsewhere(world: "World") -> None:
    ticket = await world.start(await world.node())
    session = await world.session(ticket.session_id)
    with pytest.raises(TypeError):
        AuthorizedSession(session, End.CLIENT, "x", "y", object())
    admitted = await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "client-1")
    assert (admitted.session.session_id, admitted.end, admitted.caller_id, admitted.client_id) == (
        ticket.session_id,
        End.CLIENT,
        world.alice.user_id,
        "client-1",
    )


async def test_a_token_admits_once(world: "World") -> None:
    ticket = await world.start(await world.node())
    await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    with pytest.raises(ServiceError, match="used already") as refused:
        await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    assert refused.value.code == "AccessDeniedException"


async def test_one_of_many_clients_that_present_a_token_concurrently_is_admitted(world: "World") -> None:
    ticket = await world.start(await world.node())
    answers = await asyncio.gather(
        *(admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), str(n)) for n in range(40)),
        return_exceptions=True,
    )
    assert Counter(type(answer) for answer in answers) == {AuthorizedSession: 1, SpentToken: 39}


async def test_one_token_of_many_concurrent_resumes_stays_valid(world: "World") -> None:
    ticket = await world.start(await world.node())
    tickets = await asyncio.gather(*(resume_session(world.service, world.alice, ticket.session_id) for _ in range(20)))
    answers = await asyncio.gather(
        *(admit_client(world.service, ticket.session_id, each.token_value.reveal(), "c") for each in tickets),
        return_exceptions=True,
    )
    assert Counter(type(answer) for answer in answers) == {AuthorizedSession: 1, SpentToken: 19}


async def test_a_token_lapses_after_a_minute(world: "World") -> None:
    node_id = await world.node()
    in_time, late = await world.start(node_id), await world.start(node_id)
    world.clock.advance(seconds=59.999)
    await admit_client(world.service, in_time.session_id, in_time.token_value.reveal(), "c")
    world.clock.advance(seconds=0.001)
    with pytest.raises(ServiceError, match="expired"):
        await admit_client(world.service, late.session_id, late.token_value.reveal(), "c")


async def test_a_token_opens_its_own_session_only(world: "World") -> None:
    node_id = await world.node()
    mine, other = await world.start(node_id), await world.start(node_id)
    with pytest.raises(ServiceError, match="not valid for this session"):
        await admit_client(world.service, other.session_id, mine.token_value.reveal(), "c")
    await admit_client(world.service, mine.session_id, mine.token_value.reveal(), "c")


async def test_a_token_of_another_server_key_is_refused(world: "World") -> None:
    ticket = await world.start(await world.node())
    other_vault = type(world.service.vault)(bytes(32), world.service.entropy)
    with pytest.raises(ServiceError, match="not valid for this session"):
        await admit_client(
            replace(world.service, vault=other_vault), ticket.session_id, ticket.token_value.reveal(), "c"
        )


@pytest.mark.parametrize("wrong", ["", "=", "AAAA", "not base64!", "é", "\ud800", "A" * 300])
async def test_garbage_is_not_a_token(world: "World", wrong: str) -> None:
    ticket = await world.start(await world.node())
    with pytest.raises(ServiceError, match="not valid for this session"):
        await admit_client(world.service, ticket.session_id, wrong, "c")


async def test_every_cut_and_every_flipped_byte_is_refused(world: "World") -> None:
    ticket = await world.start(await world.node())
    sealed = base64.b64decode(ticket.token_value.reveal())
    for at in range(len(sealed)):
        flipped = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for wrong in (sealed[:at], flipped):
            with pytest.raises(ServiceError):
                await admit_client(world.service, ticket.session_id, base64.b64encode(wrong).decode(), "c")
    await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")


async def test_a_session_that_is_over_is_reported(world: "World") -> None:
    node_id = await world.node()
    node = world.node_caller(node_id)
    ending, ended, failed = [await world.start(node_id) for _ in range(3)]
    await end_session(world.service, ending.session_id, "cause")
    await session_finished(world.service, ended.session_id, "")
    await fail_session(world.service, failed.session_id, "cause")
    for ticket in (ending, ended, failed):
        with pytest.raises(SessionOver) as over:
            await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
        assert over.value.session.session_id == ticket.session_id
        with pytest.raises(SessionOver):
            await admit_agent(world.service, node, ticket.session_id)


async def test_the_sessions_own_node_is_admitted_and_no_other(world: "World") -> None:
    node_id = await world.node()
    stranger = world.node_caller(await world.node())
    ticket = await world.start(node_id)
    admitted = await admit_agent(world.service, world.node_caller(node_id), ticket.session_id)
    assert (admitted.end, admitted.caller_id) == (End.AGENT, node_id)
    for caller in (stranger, world.alice, world.administrator):
        for session_id in (ticket.session_id, SessionId("alice-00000000000000000")):
            with pytest.raises(ServiceError) as refused:
                await admit_agent(world.service, caller, session_id)
            assert refused.value.code == "AccessDeniedException"


async def test_channel_tokens_are_bound_and_lapse(world: "World") -> None:
    service, node, other = world.service, world.node_caller(await world.node()), world.node_caller(await world.node())
    token = issue_channel_token(service, node, Channel.DATA, "s-1").reveal()
    check_channel_token(service, node, Channel.DATA, "s-1", token)
    for caller, channel, subject, text in (
        (other, Channel.DATA, "s-1", token),
        (node, Channel.CONTROL, "s-1", token),
        (node, Channel.DATA, "s-2", token),
        (node, Channel.DATA, "s-1", token[:-4]),
        (node, Channel.DATA, "s-1", "?"),
    ):
        with pytest.raises(ServiceError, match="not valid"):
            check_channel_token(service, caller, channel, subject, text)
    world.clock.advance(seconds=60)
    with pytest.raises(ServiceError, match="expired"):
        check_channel_token(service, node, Channel.DATA, "s-1", token)
