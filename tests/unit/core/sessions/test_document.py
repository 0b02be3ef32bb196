"""Sessions of documents: what is resolved at the start is kept and sent, whatever becomes of the document."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.documents import actions as documents
from ferryman.core.documents.requests import DocumentDraft
from ferryman.core.messages import StartTask
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.lifecycle import dispatch_task, session_finished
from ferryman.core.sessions.requests import SessionTicket, StartSessionRequest
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis, NodeId

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

GREET = {
    "schemaVersion": "1.0",
    "sessionType": "InteractiveCommands",
    "inputs": {"maxSessionDuration": "5"},
    "parameters": {"who": {"type": "String", "allowedPattern": "[a-z]+", "default": "world"}},
    "properties": {"linux": {"commands": "echo hello {{ who }}"}},
}


async def create(world: "World", name: str, content: dict[str, Any]) -> None:
    draft = DocumentDraft(name, json.dumps(content))
    await documents.create_document(world.service, world.administrator, draft, {})


async def start(world: "World", node_id: NodeId, name: str | None, **given: str) -> SessionTicket:
    parameters = {key: (value,) for key, value in given.items()}
    request = StartSessionRequest(node_id, name, parameters=parameters)
    return await sessions.start_session(world.service, world.alice, request)


async def test_the_node_gets_the_document_that_was_checked(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    await create(world, "Greet", GREET)
    ticket = await start(world, node_id, "Greet", who="alice")
    changed = GREET | {"properties": {"linux": {"commands": "rm -r {{ who }}"}}}
    await documents.update_document(world.service, world.administrator, DocumentDraft("Greet", json.dumps(changed)))
    await documents.update_document_default_version(world.service, world.administrator, "Greet", 2)
    await documents.delete_document(world.service, world.administrator, "Greet", None)
    session = await world.session(ticket.session_id)
    assert (session.document_name, session.document_version, session.max_duration) == ("Greet", 1, 5)
    assert await dispatch_task(world.service, session)
    (task,) = control.received
    assert isinstance(task, StartTask)
    content = json.loads(task.content)
    assert (content["DocumentName"], content["SessionId"]) == ("Greet", ticket.session_id)
    assert content["Parameters"] == {}
    assert content["SessionOwner"] == world.alice.arn
    document = content["DocumentContent"]
    assert document["properties"] == {"linux": {"commands": "echo hello alice", "runAsElevated": False}}
    assert document["inputs"]["maxSessionDuration"] == "5"
    assert "parameters" not in document


async def test_the_task_of_a_node_is_forgotten_with_the_session(world: "World") -> None:
    node_id = await world.register()
    control = await world.connect(node_id)
    ticket = await start(world, node_id, "AWS-StartInteractiveCommand", command="mysql -p secret")
    session = await world.session(ticket.session_id)
    assert "secret" in str(await world.store.sessions.document_content(ticket.session_id))
    await session_finished(world.service, ticket.session_id, "")
    assert await world.store.sessions.document_content(ticket.session_id) is None
    assert not await dispatch_task(world.service, session)
    assert control.received == []


async def test_the_default_version_is_started(world: "World") -> None:
    node_id = await world.node()
    await create(world, "Greet", GREET)
    newer = GREET | {"parameters": {}, "properties": {"linux": {"commands": "top"}}}
    await documents.update_document(world.service, world.administrator, DocumentDraft("Greet", json.dumps(newer)))
    await start(world, node_id, "arn:aws:ssm:test-1:123456789012:document/Greet", who="x")
    await documents.update_document_default_version(world.service, world.administrator, "Greet", 2)
    with pytest.raises(ServiceError, match="'who' is not defined in the document Greet"):
        await start(world, node_id, "Greet", who="x")
    session = await world.session((await start(world, node_id, "Greet")).session_id)
    assert session.document_version == 2


async def test_the_account_s_preferences_limit_every_session(world: "World") -> None:
    node_id = await world.node()
    preferred = {
        "schemaVersion": "1.0",
        "sessionType": "Standard_Stream",
        "inputs": {"idleSessionTimeout": "3", "maxSessionDuration": "30", "shellProfile": {"linux": "cd /srv"}},
    }
    await create(world, "SSM-SessionManagerRunShell", preferred)
    await create(world, "Greet", GREET)
    for name, limits, profile in (
        (None, (3, 30), {"linux": "cd /srv"}),
        ("AWS-StartSSHSession", (3, 30), None),
        ("Greet", (3, 5), None),
    ):
        ticket = await start(world, node_id, name)
        session = await world.session(ticket.session_id)
        assert (session.idle_timeout, session.max_duration) == limits
        document = json.loads(str(await world.store.sessions.document_content(ticket.session_id)))
        assert document["inputs"].get("shellProfile") == profile


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (
            "AWS-StartSSHSession",
            {"portNumber": "22; id"},
            "'portNumber' of the document AWS-StartSSHSession must match",
        ),
        ("AWS-StartSSHSession", {"port": "22"}, "'port' is not defined"),
        ("AWS-StartInteractiveCommand", {}, "'command' of the document AWS-StartInteractiveCommand is required"),
        ("AWS-StartNonInteractiveCommand", {"command": "x", "separateOutputStream": "maybe"}, "one of true, false"),
    ],
)
async def test_parameters_that_do_not_fit(world: "World", name: str, given: dict[str, str], message: str) -> None:
    with pytest.raises(ServiceError, match=message) as refused:
        await start(world, await world.node(), name, **given)
    assert refused.value.code == "ValidationException"
    assert await world.store.sessions.due(Millis(world.clock.now + 10**6), 1) == []


RUN_AS = {
    "schemaVersion": "1.0",
    "sessionType": "Standard_Stream",
    "inputs": {"runAsEnabled": True, "runAsDefaultUser": "operator"},
}


@pytest.mark.parametrize(
    ("enabled", "tags", "user"),
    [
        (True, {}, "operator"),
        (True, {"SSMSessionRunAs": "alice.s"}, "alice.s"),
        (True, {"ssmsessionrunas": "alice.s"}, "alice.s"),
        (False, {"SSMSessionRunAs": "alice.s"}, "operator"),
    ],
)
async def test_the_callers_tag_names_the_user(world: "World", enabled: bool, tags: dict[str, str], user: str) -> None:
    inputs = {"runAsEnabled": enabled, "runAsDefaultUser": "operator"}
    await create(world, "AsUser", RUN_AS | {"inputs": inputs})
    request = StartSessionRequest(await world.node(), "AsUser")
    ticket = await sessions.start_session(world.service, replace(world.alice, tags=tags), request)
    document = json.loads(str(await world.service.store.sessions.document_content(ticket.session_id)))
    assert (document["inputs"]["runAsEnabled"], document["inputs"]["runAsDefaultUser"]) == (enabled, user)


async def test_a_tag_that_is_not_a_user_name_is_refused(world: "World") -> None:
    await create(world, "AsUser", RUN_AS)
    caller = replace(world.alice, tags={"SSMSessionRunAs": "-oProxy x"})
    with pytest.raises(ServiceError, match=r"SSMSessionRunAs, a tag of .*alice, is not the name") as refused:
        await sessions.start_session(world.service, caller, StartSessionRequest(await world.node(), "AsUser"))
    assert refused.value.code == "ValidationException"


async def test_a_document_that_repeats_a_value_is_bounded(world: "World") -> None:
    """64 KiB of a document and 64 KiB of a value could make hundreds of megabytes of one session."""
    content = {
        "schemaVersion": "1.0",
        "sessionType": "InteractiveCommands",
        "parameters": {"p": {"type": "String"}},
        "properties": {"linux": {"commands": "{{p}}" * 10_000}},
    }
    await create(world, "Repeating", content)
    node_id = await world.node()
    with pytest.raises(ServiceError, match="The parameters add 600000000 characters") as refused:
        await start(world, node_id, "Repeating", p="x" * 60_000)
    assert refused.value.code == "ValidationException"
    assert (await start(world, node_id, "Repeating", p="x" * 3)).session_id


@pytest.mark.parametrize(
    ("document", "parameters", "query"),
    [
        (None, {}, "sessionType=Standard_Stream"),
        ("AWS-StartNonInteractiveCommand", {"command": ("ls",)}, "sessionType=NonInteractiveCommands"),
        ("AWS-StartSSHSession", {}, "sessionType=Port"),
        (
            "AWS-StartPortForwardingSession",
            {"localPortNumber": ("8080",)},
            "sessionType=Port&type=LocalPortForwarding&localPortNumber=8080",
        ),
        (
            "AWS-StartPortForwardingSessionToSocket",
            {"portNumber": ("5432",), "localUnixSocket": ("/run/me/db 1",)},
            "sessionType=Port&type=LocalPortForwarding&localConnectionType=unix&localUnixSocket=%2Frun%2Fme%2Fdb%201",
        ),
        ("Own", {}, "sessionType=Port&type=LocalPortForwarding&localPortNumber=9000"),
    ],
)
async def test_the_stream_url_says_what_the_client_is_to_hold_its_node_to(
    world: "World", document: str | None, parameters: dict[str, tuple[str, ...]], query: str
) -> None:
    properties = {"portNumber": "80", "type": "LocalPortForwarding", "localPortNumber": "9000"}
    await create(world, "Own", {"schemaVersion": "1.0", "sessionType": "Port", "properties": properties})
    request = StartSessionRequest(await world.node(), document, parameters=parameters)
    ticket = await sessions.start_session(world.service, world.alice, request)
    given, _, local = ticket.stream_url.partition("&")
    assert given.endswith("?role=publish_subscribe")
    assert sorted(local.split("&")) == sorted(query.split("&"))
    resumed = await sessions.resume_session(world.service, world.alice, ticket.session_id)
    assert resumed.stream_url == given
