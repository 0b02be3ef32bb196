"""Tag keys have no case: two that fold alike are one key, wherever tags are set, looked up or asked about."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from ferryman.core.access_requests.actions import StartAccessRequest, start_access_request
from ferryman.core.authorization.request_context import context_of
from ferryman.core.documents import actions as documents
from ferryman.core.documents.requests import DocumentDraft
from ferryman.core.iam import managed_policies, oidc_providers, roles, users
from ferryman.core.iam.managed_policies import PolicyDraft
from ferryman.core.iam.users import UserDraft
from ferryman.core.nodes import actions as nodes
from ferryman.core.nodes.activations import create_activation
from ferryman.core.nodes.requests import CreateActivationRequest, RegisterNodeRequest
from ferryman.core.sessions import actions as sessions
from ferryman.core.sessions.document import choose_document, find_documents
from ferryman.core.sessions.requests import StartSessionRequest
from ferryman.core.tags import add_tags_to_resource, list_tags_for_resource, remove_tags_from_resource
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import NodeId
from ferryman.model.identity.callers import Caller
from ferryman.model.tags import ResourceType
from tests.unit.core.access import REQUESTING, manual_policy, person
from tests.unit.core.identity.assumed_roles import ANY, allowing, assumed, role

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

NODE = "ManagedInstance"
CONTENT = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream"})
RUN_AS = json.dumps({"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"runAsEnabled": True}})
START = {"Effect": "Allow", "Action": "ssm:StartSession", "Resource": "*"}
TAG = {"Effect": "Allow", "Action": ["ssm:AddTagsToResource", "ssm:RemoveTagsFromResource"], "Resource": "*"}
TWICE = {"env": "prod", "Env": "dev"}
Attempt = Callable[["World", Mapping[str, str]], Awaitable[object]]


async def _node(world: "World", tags: Mapping[str, str]) -> None:
    await add_tags_to_resource(world.service, world.administrator, NODE, await world.register(), tags)


async def _document(world: "World", tags: Mapping[str, str]) -> object:
    return await documents.create_document(world.service, world.administrator, DocumentDraft("Doc", CONTENT), tags)


async def _activation(world: "World", tags: Mapping[str, str]) -> object:
    request = CreateActivationRequest("role", tags=tags)
    return await create_activation(world.service, world.administrator, request)


async def _access_request(world: "World", tags: Mapping[str, str]) -> object:
    carol = await person(world, "carol", *REQUESTING)
    await manual_policy(world, ["dave"])
    request = StartAccessRequest("to fix it", (("InstanceIds", (await world.node(),)),), tags)
    return await start_access_request(world.service, carol, request)


async def _user(world: "World", tags: Mapping[str, str]) -> object:
    return await users.create_user(world.service, world.administrator, UserDraft("eve"), tags)


async def _role(world: "World", tags: Mapping[str, str]) -> object:
    return await roles.create_role(world.service, world.administrator, roles.RoleDraft("Ops", allowing(ANY)), tags)


async def _policy(world: "World", tags: Mapping[str, str]) -> object:
    draft = PolicyDraft("Start", json.dumps({"Version": "2012-10-17", "Statement": START}))
    return await managed_policies.create_policy(world.service, world.administrator, draft, tags)


async def _provider(world: "World", tags: Mapping[str, str]) -> object:
    url = "https://idp.example"
    return await oidc_providers.create_oidc_provider(world.service, world.administrator, url, ["ferryman"], [], tags)


OF_SSM: list[Attempt] = [_node, _document, _activation, _access_request]
OF_IAM: list[Attempt] = [_user, _role, _policy, _provider]


@pytest.mark.parametrize("attempt", [*OF_SSM, *OF_IAM])
async def test_keys_that_fold_alike_are_refused_in_one_request(world: "World", attempt: Attempt) -> None:
    with pytest.raises(ServiceError, match="case") as refused:
        await attempt(world, TWICE)
    assert refused.value.code == ("ValidationException" if attempt in OF_SSM else "InvalidInput")


async def test_a_key_that_is_stored_in_another_case_is_refused(world: "World") -> None:
    service, root = world.service, world.administrator
    node = await world.register()
    await documents.create_document(service, root, DocumentDraft("Doc", CONTENT), {"env": "prod"})
    await add_tags_to_resource(service, root, NODE, node, {"env": "prod"})
    for kind, name in ((NODE, node), ("Document", "Doc")):
        for key in ("Env", "ENV"):
            with pytest.raises(ServiceError, match=rf"{key}.*env") as refused:
                await add_tags_to_resource(service, root, kind, name, {"team": "web", key: "dev"})
            assert refused.value.code == "ValidationException"
        await add_tags_to_resource(service, root, kind, name, {"env": "test"})
        assert await list_tags_for_resource(service, root, kind, name) == {"env": "test"}
        await remove_tags_from_resource(service, root, kind, name, ["env"])
        await add_tags_to_resource(service, root, kind, name, {"Env": "dev"})
    arn = await oidc_providers.create_oidc_provider(service, root, "https://idp.example", ["f"], [], {"env": "prod"})
    with pytest.raises(ServiceError, match=r"Env.*env"):
        await oidc_providers.tag_oidc_provider(service, root, arn, {"Env": "dev"})


async def test_concurrent_calls_keep_one_spelling(world: "World") -> None:
    """The check and the write are one transaction: neither call sees the other's tag when it begins."""
    service, root = world.service, world.administrator
    node = await world.register()
    await users.create_user(service, root, UserDraft("eve"), {})
    spellings = ["env", "Env", "ENV", "eNv", "enV"]
    added = (add_tags_to_resource(service, root, NODE, node, {key: key}) for key in spellings)
    answers = await asyncio.gather(*added, return_exceptions=True)
    assert [type(each) for each in answers].count(ServiceError) == len(spellings) - 1
    assert len(await list_tags_for_resource(service, root, NODE, node)) == 1
    of_user = (users.tag_user(service, root, "eve", {key: key}) for key in spellings)
    answers = await asyncio.gather(*of_user, return_exceptions=True)
    assert [type(each) for each in answers].count(ServiceError) == len(spellings) - 1


async def test_calls_at_the_same_time_do_not_pass_the_limit(world: "World") -> None:
    service, root = world.service, world.administrator
    node = await world.register()
    await add_tags_to_resource(service, root, NODE, node, {str(number): "" for number in range(48)})
    added = (add_tags_to_resource(service, root, NODE, node, {f"new{number}": ""}) for number in range(6))
    answers = await asyncio.gather(*added, return_exceptions=True)
    assert [each.code for each in answers if isinstance(each, ServiceError)] == ["TooManyTagsError"] * 4
    assert len(await list_tags_for_resource(service, root, NODE, node)) == 50


async def may_start(world: "World", caller: Caller, node: NodeId) -> bool:
    try:
        await sessions.start_session(world.service, caller, StartSessionRequest(node))
    except ServiceError as error:
        if error.code != "AccessDeniedException":
            raise
        return False
    return True


@pytest.mark.parametrize("deny", ["ForAnyValue:StringEquals", "ForAnyValue:StringLike"])
async def test_a_deny_on_tag_keys_covers_every_spelling(world: "World", deny: str) -> None:
    """Conditions read `Env` as `env`; who may not set the one must not set the other, on a node that has neither."""
    protected = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {deny: {"aws:TagKeys": ["env"]}}}
    mallory = await person(world, "mallory", TAG, protected)
    of_dev = {"Condition": {"StringEquals": {"ssm:resourceTag/env": "dev"}}}
    erin = await person(world, "erin", {**START, **of_dev})
    node = await world.node()
    for key in ("env", "Env", "ENV"):
        with pytest.raises(ServiceError, match="explicit deny"):
            await add_tags_to_resource(world.service, mallory, NODE, node, {key: "dev"})
    assert not await may_start(world, erin, node)
    await add_tags_to_resource(world.service, mallory, NODE, node, {"environment": "dev"})


@pytest.mark.parametrize(
    ("condition", "key", "allowed"),
    [
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["env"]}}, "Env", False),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["ENV"]}}, "env", False),
        ({"ForAllValues:StringNotLike": {"aws:TagKeys": ["e*"]}}, "Env", False),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["env"]}}, "team", True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["env"]}}, "env", True),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["env"]}}, "Env", False),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["${aws:username}"]}}, "judy", True),
        ({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["${aws:username}"]}}, "Judy", False),
    ],
)
async def test_an_allow_on_tag_keys_holds_only_whatever_the_case(
    world: "World", condition: Mapping[str, object], key: str, allowed: bool
) -> None:
    judy = await person(world, "judy", {**TAG, "Condition": condition})
    attempt = add_tags_to_resource(world.service, judy, NODE, await world.register(), {key: "dev"})
    if allowed:
        await attempt
    else:
        with pytest.raises(ServiceError, match="not authorized"):
            await attempt


CONDITIONS: list[Mapping[str, Mapping[str, str]]] = [
    {"StringEquals": {"ssm:resourceTag/env": "dev"}},
    {"StringEquals": {"aws:ResourceTag/ENV": "prod"}},
    {"StringNotEquals": {"ssm:resourceTag/env": "other"}},
    {"StringEqualsIfExists": {"ssm:resourceTag/env": "dev"}},
    {"Null": {"ssm:resourceTag/env": "false"}},
    {"Null": {"ssm:resourceTag/env": "true"}},
    {"ForAllValues:StringEquals": {"ssm:resourceTag/env": "dev"}},
    {"ForAnyValue:StringLike": {"ssm:resourceTag/env": "d*"}},
]


@pytest.mark.parametrize("condition", CONDITIONS)
async def test_stored_keys_that_fold_alike_fit_no_allow(
    world: "World", condition: Mapping[str, Mapping[str, str]]
) -> None:
    """A store from before may have both; which of them an administrator meant, nobody knows."""
    node = await world.node()
    await world.store.tags.put(ResourceType.NODE, node, TWICE)
    erin = await person(world, "erin", {**START, "Condition": condition})
    assert not await may_start(world, erin, node)
    await remove_tags_from_resource(world.service, world.administrator, NODE, node, ["env"])
    clear = {**START, "Condition": {"StringEquals": {"ssm:resourceTag/env": "dev"}}}
    assert await may_start(world, await person(world, "grace", clear), node)


@pytest.mark.parametrize("value", ["prod", "dev"])
async def test_a_deny_applies_if_either_of_two_such_tags_has_its_value(world: "World", value: str) -> None:
    node = await world.node()
    await world.store.tags.put(ResourceType.NODE, node, TWICE)
    for place, operator in enumerate(("StringEquals", "ForAllValues:StringEquals", "StringEqualsIfExists")):
        condition = {operator: {"ssm:resourceTag/env": value}}
        denying = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}
        assert not await may_start(world, await person(world, f"person{place}", START, denying), node)
    but_one = {"StringNotEquals": {"ssm:resourceTag/env": value}}
    denying = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": but_one}
    assert not await may_start(world, await person(world, "others", START, denying), node)
    neither = {"StringEquals": {"ssm:resourceTag/env": "test"}}
    denying = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": neither}
    assert await may_start(world, await person(world, "neither", START, denying), node)


async def test_a_node_of_an_older_activation_with_both_keys_fits_no_allow(world: "World") -> None:
    ticket = await create_activation(world.service, world.administrator, CreateActivationRequest("role"))
    await world.store.tags.put(ResourceType.ACTIVATION, ticket.activation_id, TWICE)
    registration = RegisterNodeRequest(ticket.activation_id, ticket.activation_code, world.public_key, "Rsa", "print")
    node = await nodes.register_managed_instance(world.service, registration)
    await world.connect(node)
    of_dev = {"Condition": {"StringEquals": {"ssm:resourceTag/env": "dev"}}}
    assert not await may_start(world, await person(world, "erin", {**START, **of_dev}), node)


async def run_as(world: "World", caller: Caller) -> object:
    request = StartSessionRequest("mi-1")
    found = await find_documents(world.service, request)
    content = choose_document(world.service, caller, request, found).resolved.content
    return content["inputs"]["runAsDefaultUser"]


async def preferences(world: "World") -> None:
    draft = DocumentDraft("SSM-SessionManagerRunShell", RUN_AS)
    await documents.create_document(world.service, world.administrator, draft, {})


async def pinned_role(world: "World", tags: Mapping[str, str], trust: str | None = None) -> str:
    arn = await role(world, trust or allowing(ANY, "sts:AssumeRole", "sts:TagSession"))
    await roles.tag_role(world.service, world.administrator, "Ops", tags)
    return arn


@pytest.mark.parametrize("key", ["ssmsessionrunas", "SSMSESSIONRUNAS", "SSMSessionRunAs"])
async def test_a_session_tag_does_not_unpin_the_user_that_sessions_run_as(world: "World", key: str) -> None:
    """In any spelling it is the one tag: it takes the role's place, if the trust policy lets it, and leaves no gap."""
    await preferences(world)
    arn = await pinned_role(world, {"SSMSessionRunAs": "deploy"})
    assert await run_as(world, await assumed(world, world.administrator, arn)) == "deploy"
    tagged = await assumed(world, world.administrator, arn, tags={key: "backup"})
    assert await run_as(world, tagged) == "backup"
    assert [name for name in tagged.tags if name.lower() == "ssmsessionrunas"] == ["SSMSessionRunAs"]


@pytest.mark.parametrize("key", ["ssmsessionrunas", "SSMSessionRunAs"])
async def test_a_trust_policy_that_denies_the_tag_denies_every_spelling(world: "World", key: str) -> None:
    denying = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sts:TagSession",
        "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "SSMSessionRunAs"}},
    }
    trust = json.loads(allowing(ANY, "sts:AssumeRole", "sts:TagSession"))
    trust["Statement"].append(denying)
    arn = await pinned_role(world, {"SSMSessionRunAs": "deploy"}, json.dumps(trust))
    with pytest.raises(ServiceError, match="TagSession"):
        await assumed(world, world.administrator, arn, tags={key: "root"})
    await assumed(world, world.administrator, arn, tags={"team": "web"})


async def test_the_tag_of_run_as_counts_in_any_spelling_and_not_in_two(world: "World") -> None:
    await preferences(world)
    one = await person(world, "one", tags={"ssmSessionRunAs": "deploy"})
    assert await run_as(world, one) == "deploy"
    both = await person(world, "both", tags={"ssmsessionrunas": "deploy", "SSMSessionRunAs": "root"})
    with pytest.raises(ServiceError, match="SSMSessionRunAs") as refused:
        await run_as(world, both)
    assert refused.value.code == "ValidationException"


async def test_a_session_tag_does_not_hide_the_identitys_from_cedar(world: "World") -> None:
    """Cedar knows `division` in this spelling only: one that is set in another must not make it disappear."""
    arn = await pinned_role(world, {"division": "guests"})
    caller = await assumed(world, world.administrator, arn, tags={"Division": "staff", "Site": "one"})
    assert caller.tags == {"division": "staff", "Site": "one"}
    context = context_of(world.service, caller)
    assert context.get("aws:principaltag/division") == ("staff",)


async def test_an_ambiguous_tag_of_the_caller_fits_no_allow_and_any_deny(world: "World") -> None:
    node = await world.node()
    await add_tags_to_resource(world.service, world.administrator, NODE, node, {"team": "red"})
    same = {"StringEquals": {"ssm:resourceTag/team": "${aws:PrincipalTag/team}"}}
    tags = {"team": "red", "Team": "blue"}
    erin = await person(world, "erin", {**START, "Condition": same}, tags=tags)
    assert not await may_start(world, erin, node)
    denying = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": same}
    assert not await may_start(world, await person(world, "frank", START, denying, tags=tags), node)
    # As part of a resource, too.
    arn = "arn:aws:ssm:*:*:managed-instance/${aws:PrincipalTag/team}"
    by_name = {"Effect": "Deny", "Action": "*", "Resource": arn}
    named = {"team": node, "Team": "other"}
    assert not await may_start(world, await person(world, "grace", START, by_name, tags=named), node)
    assert await may_start(world, await person(world, "heidi", START, by_name, tags={"team": "other"}), node)


async def test_providers_whose_condition_keys_fold_alike_are_refused(world: "World") -> None:
    """`idp.example/a:sub` would be a claim of either of them, and either may be another tenant's."""
    service, root = world.service, world.administrator
    await oidc_providers.create_oidc_provider(service, root, "https://idp.example/a", ["ferryman"], [], {})
    with pytest.raises(ServiceError, match=r"idp\.example/a.*case") as refused:
        await oidc_providers.create_oidc_provider(service, root, "https://idp.example/A", ["ferryman"], [], {})
    assert refused.value.code == "EntityAlreadyExists"
    await oidc_providers.create_oidc_provider(service, root, "https://idp.example/b", ["ferryman"], [], {})
