"""StartSession, ResumeSession, TerminateSession, GetConnectionStatus."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.authorization.admission import admit_client
from ferryman.core.messages import EndTask
from ferryman.core.service import Service
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.lifecycle import end_session, ends_attached, session_finished
from ferryman.core.sessions.requests import ConnectionStatus, StartSessionRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId, SessionId
from ferryman.model.identity.callers import CallerKind
from ferryman.model.identity.credential_sessions import SessionKind, TemporarySession
from ferryman.model.sessions import SessionStatus
from ferryman.model.values.secret import Secret

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def test_a_started_session_is_stored_as_connecting(world: "World") -> None:
    node_id = await world.node()
    request = StartSessionRequest(node_id, reason="disk full")
    ticket = await sessions.start_session(world.service, world.alice, request)
    session = await world.session(ticket.session_id)
    assert re.fullmatch(r"alice-[0-9a-f]{17}", ticket.session_id)
    assert session.status is SessionStatus.CONNECTING
    assert (session.target, session.reason, session.document_name) == (
        node_id,
        "disk full",
        "SSM-SessionManagerRunShell",
    )
    assert (session.owner, session.owner_id) == (world.alice.arn, world.alice.user_id)
    assert session.started_at == world.clock()
    assert ticket.stream_url == (
        f"wss://ferryman.example:8443/v1/data-channel/{ticket.session_id}"
        "?role=publish_subscribe&sessionType=Standard_Stream"
    )
    assert len(ticket.token_value.reveal()) <= 300


async def test_nothing_is_sent_to_the_node_before_the_client_is_there(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    await world.start(node_id)
    assert control.received == []


async def test_plain_http_gives_a_plain_websocket_url(world: "World") -> None:
    node_id = await world.node()
    settings = replace(world.service.settings, public_url="http://127.0.0.1:8080")
    service = replace(world.service, settings=settings)
    ticket = await sessions.start_session(service, world.alice, StartSessionRequest(node_id))
    assert ticket.stream_url.startswith("ws://127.0.0.1:8080/v1/data-channel/alice-")


async def test_the_longest_names_still_fit_a_token(world: "World") -> None:
    node_id = await world.node()
    longest = replace(world.alice, name="n" * 128, user_id="AROA" + "A" * 17 + ":" + "s" * 64)
    ticket = await world.start(node_id, longest)
    assert len(ticket.session_id) == 96
    assert len(ticket.token_value.reveal()) <= 300
    admitted = await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
    assert admitted.caller_id == longest.user_id


async def test_the_token_is_encrypted(world: "World") -> None:
    ticket = await world.start(await world.node())
    token = ticket.token_value.reveal()
    assert world.alice.user_id not in token
    assert token not in repr(ticket)


@pytest.mark.parametrize("name", ["AWS-RunShellScript", "No-Such-Document"])
async def test_another_document_is_refused(world: "World", name: str) -> None:
    request = StartSessionRequest(await world.node(), document_name=name)
    with pytest.raises(ServiceError, match=name) as refused:
        await sessions.start_session(world.service, world.alice, request)
    assert refused.value.code == "InvalidDocument"


async def test_an_unknown_parameter_is_refused_by_name(world: "World") -> None:
    request = StartSessionRequest(await world.node(), parameters={"portNumber": ("80",)})
    with pytest.raises(ServiceError, match="portNumber") as refused:
        await sessions.start_session(world.service, world.alice, request)
    assert refused.value.code == "ValidationException"


async def test_checks_come_in_the_contracts_order(world: "World") -> None:
    """Each request is wrong in all that follows, too: the first check in order is the one that answers."""
    nobody = replace(world.alice, policies=())
    offline = await world.register()
    parameters = {"x": ("y",)}
    cases = [
        (nobody, StartSessionRequest(offline, "Nope", parameters=parameters), "AccessDeniedException"),
        (nobody, StartSessionRequest(offline, parameters=parameters), "AccessDeniedException"),
        (world.alice, StartSessionRequest(offline, "Nope", parameters=parameters), "InvalidDocument"),
        (world.alice, StartSessionRequest(offline, parameters=parameters), "ValidationException"),
        (world.alice, StartSessionRequest(offline), "TargetNotConnected"),
    ]
    for caller, request, code in cases:
        with pytest.raises(ServiceError) as refused:
            await sessions.start_session(world.service, caller, request)
        assert refused.value.code == code


def with_limits(world: "World", **limits: int) -> Service:
    settings = world.service.settings
    return replace(world.service, settings=replace(settings, limits=replace(settings.limits, **limits)))


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"waiting_sessions": 2}, "2 of your sessions wait for their client, the maximum."),
        ({"sessions_on_node": 2}, "You have 2 sessions on mi-"),
        ({"waiting_bytes": 700}, "The documents of your sessions that wait for their client have "),
    ],
)
async def test_sessions_of_one_person_are_limited(world: "World", limits: dict[str, int], message: str) -> None:
    service, request = with_limits(world, **limits), StartSessionRequest(await world.node())
    ticket = await sessions.start_session(service, world.alice, request)
    await sessions.start_session(service, world.alice, request)
    with pytest.raises(ServiceError) as refused:
        await sessions.start_session(service, world.alice, request)
    assert refused.value.code == "ServiceQuotaExceededException"
    assert refused.value.message.startswith(message)
    assert refused.value.message.endswith("then try again.")
    await sessions.start_session(service, world.bob, request)
    await sessions.terminate_session(service, world.alice, ticket.session_id)
    await session_finished(service, ticket.session_id, "")
    await sessions.start_session(service, world.alice, request)


async def test_another_role_does_not_make_another_person(world: "World") -> None:
    service, request = with_limits(world, waiting_sessions=2), StartSessionRequest(await world.node())
    in_role = TemporarySession(SessionKind.ROLE, "AROA1", Millis(0), Millis(1), "any", person_id="AIDA1")
    for name in ("one", "two"):
        caller = replace(world.alice, kind=CallerKind.ROLE, user_id=f"AROA1:{name}", name=name, session=in_role)
        await sessions.start_session(service, caller, request)
    with pytest.raises(ServiceError, match="wait for their client"):
        await sessions.start_session(service, replace(caller, user_id="AROA1:three", name="three"), request)


async def test_a_target_must_be_connected_now(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    await world.start(node_id)
    await control.leave()
    with pytest.raises(ServiceError) as refused:
        await world.start(node_id)
    assert (refused.value.code, refused.value.message) == ("TargetNotConnected", f"{node_id} is not connected.")


async def test_a_control_channel_without_registration_is_not_a_target(world: "World") -> None:
    stranger = NodeId("mi-0123456789abcdef0")
    await world.connect(stranger)
    with pytest.raises(ServiceError, match="is not connected") as refused:
        await world.start(stranger)
    assert refused.value.code == "TargetNotConnected"
    status = await sessions.get_connection_status(world.service, world.alice, stranger)
    assert status is ConnectionStatus.NOT_CONNECTED


async def test_connection_status_follows_the_control_channel(world: "World") -> None:
    async def status() -> ConnectionStatus:
        return await sessions.get_connection_status(world.service, world.bob, node_id)

    node_id = await world.register()
    assert await status() is ConnectionStatus.NOT_CONNECTED
    control = await world.connect(node_id)
    assert await status() is ConnectionStatus.CONNECTED
    await control.leave()
    assert await status() is ConnectionStatus.NOT_CONNECTED


async def test_an_unknown_target_is_not_connected(world: "World") -> None:
    status = await sessions.get_connection_status(world.service, world.alice, "anything at all")
    assert status.value == "notconnected"


async def test_a_refusal_names_caller_action_and_resource(world: "World") -> None:
    node_id = await world.node()
    with pytest.raises(ServiceError) as refused:
        await world.start(node_id, world.node_caller(node_id))
    message = refused.value.message
    assert refused.value.code == "AccessDeniedException"
    for part in (world.node_caller(node_id).arn, "ssm:StartSession", f"managed-instance/{node_id}"):
        assert part in message


async def test_resume_answers_a_new_token_and_the_old_one_dies(world: "World") -> None:
    first = await world.start(await world.node())
    second = await sessions.resume_session(world.service, world.alice, first.session_id)
    url = first.stream_url.removesuffix("&sessionType=Standard_Stream")
    assert (second.session_id, second.stream_url) == (first.session_id, url)
    with pytest.raises(ServiceError, match="replaced by a newer one"):
        await admit_client(world.service, first.session_id, first.token_value.reveal(), "c")
    await admit_client(world.service, first.session_id, second.token_value.reveal(), "c")


async def test_resuming_a_connecting_session_restarts_its_client_wait(world: "World") -> None:
    ticket = await world.start(await world.node())
    world.clock.advance(seconds=50)
    await sessions.resume_session(world.service, world.alice, ticket.session_id)
    assert (await world.session(ticket.session_id)).deadline_at == world.clock() + 60_000


async def test_resume_resets_the_idle_time(world: "World") -> None:
    ticket = await world.start(await world.node())
    await ends_attached(world.service, ticket.session_id)
    world.clock.advance(minutes=19)
    await sessions.resume_session(world.service, world.alice, ticket.session_id)
    assert (await world.session(ticket.session_id)).deadline_at == world.clock() + 20 * 60_000


async def test_the_token_of_a_session_that_is_over_is_empty(world: "World") -> None:
    ticket = await world.start(await world.node())
    await world.hold(ticket.session_id)
    await sessions.terminate_session(world.service, world.alice, ticket.session_id)
    for status in (SessionStatus.TERMINATING, SessionStatus.TERMINATED):
        before = await world.session(ticket.session_id)
        assert before.status is status
        over = await sessions.resume_session(world.service, world.alice, ticket.session_id)
        assert (over.session_id, over.token_value) == (ticket.session_id, Secret(""))
        assert ticket.stream_url.startswith(over.stream_url)
        assert await world.session(ticket.session_id) == before
        for token in (ticket.token_value.reveal(), ""):
            with pytest.raises(ServiceError):
                await admit_client(world.service, ticket.session_id, token, "c")
        await session_finished(world.service, ticket.session_id, "")


@pytest.mark.parametrize("operation", [sessions.resume_session, sessions.terminate_session])
async def test_an_unknown_session_does_not_exist(world: "World", operation: object) -> None:
    assert callable(operation)
    with pytest.raises(ServiceError) as refused:
        await operation(world.service, world.alice, SessionId("alice-00000000000000000"))
    assert refused.value.code == "DoesNotExistException"


@pytest.mark.parametrize("operation", [sessions.resume_session, sessions.terminate_session])
async def test_sessions_of_others_are_out_of_reach_but_for_administrators(world: "World", operation: object) -> None:
    assert callable(operation)
    ticket = await world.start(await world.node())
    namesake = replace(world.bob, name=world.alice.name)  # ids decide, names do not
    for caller in (world.bob, namesake, world.node_caller(NodeId("mi-0"))):
        with pytest.raises(ServiceError, match=re.escape(caller.arn)) as refused:
            await operation(world.service, caller, ticket.session_id)
        assert refused.value.code == "AccessDeniedException"
    await operation(world.service, world.administrator, ticket.session_id)


async def test_terminate_notifies_both_ends_and_names_who_ended_it(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await world.start(node_id)
    relay = await world.hold(ticket.session_id)
    await ends_attached(world.service, ticket.session_id)
    assert await sessions.terminate_session(world.service, world.administrator, ticket.session_id) == ticket.session_id
    session = await world.session(ticket.session_id)
    assert (session.status, session.token_id) == (SessionStatus.TERMINATING, None)
    assert session.details == f"Terminated by {world.administrator.arn}."
    assert relay.ended == [session.details]
    assert control.received == []  # the agent was told on its data channel


async def test_terminate_tells_the_node_when_its_data_channel_is_down(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await world.start(node_id)
    relay = await world.hold(ticket.session_id)
    relay.agent_attached = False
    await sessions.terminate_session(world.service, world.alice, ticket.session_id)
    await world.bus.drain()
    assert control.received == [EndTask(ticket.session_id)]


async def test_a_session_whose_client_never_came_is_terminated_immediately(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await world.start(node_id)
    await sessions.terminate_session(world.service, world.alice, ticket.session_id)
    session = await world.session(ticket.session_id)
    assert (session.status, session.ended_at) == (SessionStatus.TERMINATED, world.clock())
    assert session.details == f"Terminated by {world.alice.arn}."
    await world.bus.drain()
    assert control.received == [EndTask(ticket.session_id)]  # its node has a task if a client came and then resumed it


async def test_a_session_whose_client_comes_at_the_same_moment_waits_for_its_relay(
    world: "World", monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = await world.start(await world.node())
    get = type(world.service.store.sessions).get

    async def admit_meanwhile(store: Any, session_id: SessionId) -> Any:
        found = await get(store, session_id)
        monkeypatch.undo()
        await admit_client(world.service, ticket.session_id, ticket.token_value.reveal(), "c")
        return found

    monkeypatch.setattr(type(world.service.store.sessions), "get", admit_meanwhile)
    assert await end_session(world.service, ticket.session_id, "Terminated by somebody.")
    assert (await world.session(ticket.session_id)).status is SessionStatus.TERMINATING


async def test_terminate_is_idempotent(world: "World") -> None:
    ticket = await world.start(await world.node())
    relay = await world.hold(ticket.session_id)
    for _ in range(3):
        await sessions.terminate_session(world.service, world.alice, ticket.session_id)
    await session_finished(world.service, ticket.session_id, "")
    assert await sessions.terminate_session(world.service, world.administrator, ticket.session_id)
    session = await world.session(ticket.session_id)
    assert session.status is SessionStatus.TERMINATED
    assert session.details == f"Terminated by {world.alice.arn}."
    assert len(relay.ended) == 1


async def test_a_node_that_does_not_answer_is_reported(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    control.silent = 33
    with pytest.raises(ServiceError, match="does not answer: it has been silent for 33 s") as refused:
        await world.start(node_id)
    assert refused.value.code == "TargetNotConnected"
