"""Users, access keys, and who stands behind a key."""

import re
from typing import TYPE_CHECKING

import pytest

from ferryman.core.authorization.builtin_policies import ROLE_POLICIES
from ferryman.core.iam import operator as identities
from ferryman.core.iam import users
from ferryman.core.identity import callers
from ferryman.model.errors import ServiceError
from ferryman.model.identity.callers import BuiltinRole, CallerKind

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def test_a_key_leads_to_its_user(world: "World") -> None:
    user = await identities.create_user(world.service, "carol", BuiltinRole.OPERATOR)
    assert re.fullmatch(r"AIDA[A-Z2-7]{17}", user.user_id)
    key = await identities.create_access_key(world.service, "carol")
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", key.access_key_id)
    assert len(key.secret_access_key.reveal()) == 40
    known = await callers.authenticate(world.service, key.access_key_id, None)
    assert known.secret == key.secret_access_key
    assert (known.caller.kind, known.caller.name) == (CallerKind.USER, "carol")
    assert [policy.name for policy in known.caller.policies] == [ROLE_POLICIES[BuiltinRole.OPERATOR]]
    assert (known.caller.arn, known.caller.user_id) == ("arn:aws:iam::123456789012:user/carol", user.user_id)


async def test_a_user_has_two_keys_at_most(world: "World") -> None:
    first, _second = [await identities.create_access_key(world.service, "alice") for _ in range(2)]
    with pytest.raises(ServiceError) as refused:
        await identities.create_access_key(world.service, "alice")
    assert refused.value.code == "LimitExceeded"
    await identities.create_access_key(world.service, "bob")
    await identities.delete_access_key(world.service, first.access_key_id)
    await identities.create_access_key(world.service, "alice")


async def test_secrets_are_sealed_at_rest(world: "World") -> None:
    key = await identities.create_access_key(world.service, "alice")
    (stored,) = await identities.list_access_keys(world.service, "alice")
    assert key.secret_access_key.reveal().encode() not in stored.sealed_secret
    assert key.secret_access_key.reveal() not in repr(key)


async def unrecognised(world: "World", access_key_id: str, session_token: str | None = None) -> None:
    with pytest.raises(ServiceError) as refused:
        await callers.authenticate(world.service, access_key_id, session_token)
    assert refused.value.code == "UnrecognizedClientException"


async def test_unknown_and_disabled_and_deleted_keys_are_not_recognised(world: "World") -> None:
    await unrecognised(world, "AKIAAAAAAAAAAAAAAAAA")
    await unrecognised(world, "")
    key = await identities.create_access_key(world.service, "alice")
    await unrecognised(world, key.access_key_id, "a session token")
    await identities.set_access_key_active(world.service, key.access_key_id, active=False)
    await unrecognised(world, key.access_key_id)
    await identities.set_access_key_active(world.service, key.access_key_id, active=True)
    await callers.authenticate(world.service, key.access_key_id, None)
    await identities.delete_access_key(world.service, key.access_key_id)
    await unrecognised(world, key.access_key_id)


async def test_a_deleted_users_keys_are_gone(world: "World") -> None:
    key = await identities.create_access_key(world.service, "bob")
    await identities.delete_user(world.service, "bob")
    await unrecognised(world, key.access_key_id)
    again = await identities.create_user(world.service, "bob", BuiltinRole.OPERATOR)
    assert again.user_id != world.bob.user_id
    assert await identities.list_access_keys(world.service, "bob") == []


async def test_a_changed_role_applies_immediately(world: "World") -> None:
    key = await identities.create_access_key(world.service, "alice")
    await identities.set_role(world.service, "alice", BuiltinRole.ADMINISTRATOR)
    known = await callers.authenticate(world.service, key.access_key_id, None)
    assert [policy.name for policy in known.caller.policies] == [ROLE_POLICIES[BuiltinRole.ADMINISTRATOR]]


@pytest.mark.parametrize("name", ["", "a b", "é", "a/b", "x" * 65, "a\n"])
async def test_bad_names_are_refused(world: "World", name: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await identities.create_user(world.service, name, BuiltinRole.OPERATOR)
    assert refused.value.code == "ValidationException"


async def test_the_operator_and_the_api_check_new_users_alike(world: "World", monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ServiceError) as refused:
        await users.create_user(world.service, world.administrator, users.UserDraft("a b"), {})
    assert refused.value.code == "ValidationException"
    monkeypatch.setattr(users, "USER_LIMIT", 3)
    for attempt in (
        identities.create_user(world.service, "carol"),
        users.create_user(world.service, world.administrator, users.UserDraft("carol"), {}),
    ):
        with pytest.raises(ServiceError, match="UsersPerAccount: 3") as refused:
            await attempt
        assert refused.value.code == "LimitExceeded"


async def test_names_are_unique(world: "World") -> None:
    with pytest.raises(ServiceError) as refused:
        await identities.create_user(world.service, "alice", BuiltinRole.OPERATOR)
    assert (refused.value.code, refused.value.status) == ("EntityAlreadyExists", 409)
    assert [user.name for user in await identities.list_users(world.service)] == ["alice", "bob", "root"]


async def test_what_is_not_there_is_named(world: "World") -> None:
    attempts = [
        identities.find_user(world.service, "nobody"),
        identities.delete_user(world.service, "nobody"),
        identities.set_role(world.service, "nobody", BuiltinRole.OPERATOR),
        identities.create_access_key(world.service, "nobody"),
        identities.list_access_keys(world.service, "nobody"),
        identities.delete_access_key(world.service, "nobody"),
        identities.set_access_key_active(world.service, "nobody", active=True),
    ]
    for attempt in attempts:
        with pytest.raises(ServiceError, match="nobody") as refused:
            await attempt
        assert (refused.value.code, refused.value.status) == ("NoSuchEntity", 404)
