"""Roles, what they hold, and OpenID Connect providers: IAM's operations on them."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ferryman.core.iam import attached_policies as held_policies
from ferryman.core.iam import oidc_providers, roles
from ferryman.core.iam.attached_policies import Holder, HolderKind
from ferryman.core.iam.roles import RoleDraft
from ferryman.core.identity.callers import caller_of
from ferryman.model.errors import ServiceError
from ferryman.model.identity.roles import RoleChanges

if TYPE_CHECKING:
    from tests.unit.core.conftest import World

TRUST = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}})
OPERATOR = "arn:aws:iam::aws:policy/FerrymanOperator"
NOWHERE = "arn:aws:iam::123456789012:policy/none"
INLINE = '{"Statement": {"Effect": "Allow", "Action": "ssm:*", "Resource": "*"}}'


async def code(attempt: Any) -> str:
    with pytest.raises(ServiceError) as refused:
        await attempt
    return refused.value.code


async def test_a_role_is_kept_as_given(world: "World") -> None:
    draft = RoleDraft("Ops", TRUST, "/team/", "For the night", 7200, OPERATOR)
    made = await roles.create_role(world.service, world.administrator, draft, {"team": "red"})
    assert made.role_id.startswith("AROA")
    assert len(made.role_id) == 21
    again = await roles.get_role(world.service, world.administrator, "Ops")
    assert again == made
    assert (again.path, again.description, again.max_session_duration) == ("/team/", "For the night", 7200)
    assert await roles.tags_of(world.service, made) == {"team": "red"}
    changes = RoleChanges(description="", max_session_duration=3600)
    changed = await roles.update_role(world.service, world.administrator, "Ops", changes)
    assert changed == replace(made, description="", max_session_duration=3600)
    await roles.delete_role_permissions_boundary(world.service, world.administrator, "Ops")
    assert (await roles.get_role(world.service, world.administrator, "Ops")).boundary_arn == ""
    assert (
        await code(roles.delete_role_permissions_boundary(world.service, world.administrator, "Ops")) == "NoSuchEntity"
    )


async def test_what_is_refused(world: "World") -> None:
    service, root = world.service, world.administrator
    await roles.create_role(service, root, RoleDraft("Ops", TRUST), {})
    assert await code(roles.create_role(service, root, RoleDraft("Ops", TRUST), {})) == "EntityAlreadyExists"
    assert await code(roles.create_role(service, root, RoleDraft("New", INLINE), {})) == "MalformedPolicyDocument"
    bounded = RoleDraft("New", TRUST, boundary_arn=NOWHERE)
    assert await code(roles.create_role(service, root, bounded, {})) == "NoSuchEntity"
    assert await code(roles.update_assume_role_policy(service, root, "Ops", "{}")) == "MalformedPolicyDocument"
    assert await code(roles.put_role_permissions_boundary(service, root, "Ops", NOWHERE)) == "NoSuchEntity"
    assert (
        await code(held_policies.attach_policy(service, root, Holder(HolderKind.ROLE, "Ops"), NOWHERE))
        == "NoSuchEntity"
    )
    assert (
        await code(held_policies.detach_policy(service, root, Holder(HolderKind.ROLE, "Ops"), OPERATOR))
        == "NoSuchEntity"
    )
    assert await code(held_policies.get_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "none")) == "NoSuchEntity"
    assert (
        await code(held_policies.delete_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "none")) == "NoSuchEntity"
    )
    assert (
        await code(held_policies.put_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "p", "{"))
        == "MalformedPolicyDocument"
    )
    assert await code(roles.get_role(service, root, "None")) == "NoSuchEntity"
    assert await code(roles.get_role(service, world.alice, "None")) == "AccessDeniedException"
    too_many = {f"key{number}": "" for number in range(51)}
    assert await code(roles.tag_role(service, root, "Ops", too_many)) == "LimitExceeded"


async def test_a_role_can_be_deleted_once_it_has_no_policies(world: "World") -> None:
    service, root = world.service, world.administrator
    made = await roles.create_role(service, root, RoleDraft("Ops", TRUST), {"team": "red"})
    await held_policies.put_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "inline", INLINE)
    await held_policies.attach_policy(service, root, Holder(HolderKind.ROLE, "Ops"), OPERATOR)
    assert await held_policies.get_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "inline") == INLINE
    attached = await held_policies.list_attached_policies(
        service, root, Holder(HolderKind.ROLE, "Ops"), "/", None, None
    )
    assert attached.items == (OPERATOR,)
    assert await code(roles.delete_role(service, root, "Ops")) == "DeleteConflict"
    await held_policies.detach_policy(service, root, Holder(HolderKind.ROLE, "Ops"), OPERATOR)
    assert await code(roles.delete_role(service, root, "Ops")) == "DeleteConflict"
    await held_policies.delete_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "inline")
    await roles.delete_role(service, root, "Ops")
    assert await roles.tags_of(service, made) == {}
    assert await code(roles.get_role(service, root, "Ops")) == "NoSuchEntity"


async def test_inline_policies_share_their_limit(world: "World") -> None:
    service, root = world.service, world.administrator
    await roles.create_role(service, root, RoleDraft("Ops", TRUST), {})
    large = json.dumps({"Statement": {"Sid": "x" * 6000, "Effect": "Allow", "Action": "ssm:*", "Resource": "*"}})
    await held_policies.put_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "one", large)
    assert (
        await code(held_policies.put_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "two", large))
        == "LimitExceeded"
    )
    await held_policies.put_policy(service, root, Holder(HolderKind.ROLE, "Ops"), "one", large)


async def test_lists_go_by_pages(world: "World") -> None:
    service, root = world.service, world.administrator
    for name in ("c", "a", "b"):
        await roles.create_role(service, root, RoleDraft(name, TRUST, path=f"/{name}/"), {})
    first = await roles.list_roles(service, root, "/", None, 2)
    assert ([role.name for role in first.items], first.next_token is None) == (["a", "b"], False)
    second = await roles.list_roles(service, root, "/", first.next_token, 2)
    assert ([role.name for role in second.items], second.next_token) == (["c"], None)
    assert [role.name for role in (await roles.list_roles(service, root, "/b/", None, None)).items] == ["b"]
    for prefix, size, marker in (("/b/", 2, first.next_token), ("/", 2, "made up")):
        assert await code(roles.list_roles(service, root, prefix, marker, size)) == "ValidationException"


async def test_policies_tell_roles_apart(world: "World") -> None:
    """By ARN with path, and by tag."""
    service, root = world.service, world.administrator
    await roles.create_role(service, root, RoleDraft("Mine", TRUST, "/team/"), {"team": "red"})
    await roles.create_role(service, root, RoleDraft("Other", TRUST), {})
    resource = "arn:aws:iam::*:role/team/*"
    by_path = {"Effect": "Allow", "Action": "iam:GetRole", "Resource": resource}
    by_tag: dict[str, object] = {"Effect": "Allow", "Action": "iam:ListRoleTags", "Resource": "*"}
    by_tag |= {"Condition": {"StringEquals": {"aws:ResourceTag/team": "red"}}}
    await world.store.policies.put_inline(world.alice.user_id, "p", json.dumps({"Statement": [by_path, by_tag]}))

    user = await world.store.identities.user_named("alice")
    assert user is not None
    alice = await caller_of(service, user)
    await roles.get_role(service, alice, "Mine")
    await roles.list_role_tags(service, alice, "Mine", None, None)
    assert await code(roles.get_role(service, alice, "Other")) == "AccessDeniedException"
    assert await code(roles.list_role_tags(service, alice, "Other", None, None)) == "AccessDeniedException"


async def test_policies_tell_roles_apart_by_their_boundary(world: "World") -> None:
    """Who may do everything but to a bounded role cannot take its boundary away."""
    service, root = world.service, world.administrator
    await roles.create_role(service, root, RoleDraft("Bounded", TRUST, boundary_arn=OPERATOR), {})
    await roles.create_role(service, root, RoleDraft("Free", TRUST), {})
    everything: dict[str, object] = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    kept: dict[str, object] = {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}
    kept |= {"Condition": {"StringEquals": {"iam:PermissionsBoundary": OPERATOR}}}
    await world.store.policies.put_inline(world.alice.user_id, "p", json.dumps({"Statement": [everything, kept]}))
    user = await world.store.identities.user_named("alice")
    assert user is not None
    alice = await caller_of(service, user)
    for refused in (
        roles.delete_role_permissions_boundary(service, alice, "Bounded"),
        held_policies.put_policy(service, alice, Holder(HolderKind.ROLE, "Bounded"), "p", INLINE),
        roles.put_role_permissions_boundary(service, alice, "Free", OPERATOR),
    ):
        assert await code(refused) == "AccessDeniedException"
    await held_policies.put_policy(service, alice, Holder(HolderKind.ROLE, "Free"), "p", INLINE)


async def test_tags_of_roles_are_held_to_the_rules_of_tags(world: "World") -> None:
    service, root = world.service, world.administrator
    assert await code(roles.create_role(service, root, RoleDraft("Ops", TRUST), {"aws:x": "1"})) == "InvalidInput"
    await roles.create_role(service, root, RoleDraft("Ops", TRUST), {})
    assert await code(roles.tag_role(service, root, "Ops", {"AWS:x": "1"})) == "InvalidInput"
    await roles.tag_role(service, root, "Ops", {"Team": "red"})
    await roles.tag_role(service, root, "Ops", {"Team": "green"})
    assert await code(roles.tag_role(service, root, "Ops", {"team": "blue"})) == "InvalidInput"


async def test_a_provider_is_kept_as_given(world: "World") -> None:
    service, root = world.service, world.administrator
    thumbprint = "0123456789abcdef0123456789abcdef01234567"
    arn = await oidc_providers.create_oidc_provider(
        service, root, "https://id.example.com/realm/", ["ferryman"], [thumbprint], {"team": "red"}
    )
    assert arn == "arn:aws:iam::123456789012:oidc-provider/id.example.com/realm"
    await oidc_providers.add_client_id(service, root, arn, "other")
    await oidc_providers.add_client_id(service, root, arn, "other")
    await oidc_providers.remove_client_id(service, root, arn, "ferryman")
    await oidc_providers.update_thumbprints(service, root, arn, [])
    provider, tags = await oidc_providers.get_oidc_provider(service, root, arn)
    assert (provider.url, provider.client_ids, provider.thumbprints) == ("https://id.example.com/realm", ("other",), ())
    assert tags == {"team": "red"}
    assert await oidc_providers.list_oidc_providers(service, root) == [arn]
    await oidc_providers.untag_oidc_provider(service, root, arn, ["team"])
    await oidc_providers.tag_oidc_provider(service, root, arn, {"site": "one"})
    page = await oidc_providers.list_oidc_provider_tags(service, root, arn, None, None)
    assert page.items == (("site", "one"),)
    again = oidc_providers.create_oidc_provider(service, root, "https://id.example.com/realm", [], [], {})
    assert await code(again) == "EntityAlreadyExists"
    await oidc_providers.delete_oidc_provider(service, root, arn)
    assert await code(oidc_providers.get_oidc_provider(service, root, arn)) == "NoSuchEntity"
    assert await code(oidc_providers.get_oidc_provider(service, root, "x" * 20)) == "InvalidInput"


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example.com",
        "http://127.0.0.1:9400",
        "https://",
        "https://id.example.com?x=1",
        "https://id.example.com#x",
        "https://user@id.example.com",
        "https://id.example.com:x",
        "https://[::1",
        "file:///etc/passwd",
        "id.example.com",
        "https://id.example.com/a b",
        "https://aws",
        "https://STS",
    ],
)
async def test_where_no_provider_may_be(world: "World", url: str) -> None:
    made = oidc_providers.create_oidc_provider(world.service, world.administrator, url, [], [], {})
    assert await code(made) == "InvalidInput"


async def test_plain_http_is_for_loopback_if_the_settings_say_so(world: "World") -> None:
    service = replace(world.service, settings=replace(world.service.settings, oidc_on_loopback=True))
    root = world.administrator
    await oidc_providers.create_oidc_provider(service, root, "http://127.0.0.1:9400", [], [], {})
    for url in ("http://id.example.com", "http://127.0.0.1.example.com", "http://192.0.2.1"):
        made = oidc_providers.create_oidc_provider(service, root, url, [], [], {})
        assert await code(made) == "InvalidInput"


async def test_what_providers_may_not_have(world: "World") -> None:
    service, root = world.service, world.administrator
    url = "https://id.example.com"
    for client_ids, thumbprints in (["a b"], []), (["a\nb"], []), ([], ["x" * 40]):
        made = oidc_providers.create_oidc_provider(service, root, url, client_ids, thumbprints, {})
        assert await code(made) == "InvalidInput"
    many = [f"c{number}" for number in range(101)]
    assert await code(oidc_providers.create_oidc_provider(service, root, url, many, [], {})) == "LimitExceeded"


async def test_concurrent_changes_of_a_provider_do_not_undo_each_other(world: "World") -> None:
    arn = await oidc_providers.create_oidc_provider(
        world.service, world.administrator, "https://id.example.com", [], [], {}
    )
    seen, _ = await oidc_providers.get_oidc_provider(world.service, world.administrator, arn)
    await oidc_providers.add_client_id(world.service, world.administrator, arn, "first")
    assert not await world.store.oidc_providers.replace(seen, replace(seen, client_ids=("second",)))
    provider, _ = await oidc_providers.get_oidc_provider(world.service, world.administrator, arn)
    assert provider.client_ids == ("first",)
