"""What every adapter of the stores of groups, users and keys must do."""

import pytest

from ferryman.core.ports.people.iam import GrantedPolicy
from ferryman.core.ports.store import Store
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.groups import Group
from ferryman.model.identity.users import AccessKey, LastKeyUse, User, UserChanges

ALICE, BOB = User("AIDA1", "alice", Millis(1), "/ops/"), User("AIDA2", "bob", Millis(2))
WEB, DB = Group("AGPA1", "web", Millis(3), "/x/"), Group("AGPA2", "db", Millis(4))


@pytest.fixture
async def store(store: Store) -> Store:
    for user in (ALICE, BOB):
        await store.identities.add_user(user)
    for group in (WEB, DB):
        await store.groups.add(group)
    return store


async def test_members_of_a_group_have_its_policies(store: Store) -> None:
    groups = store.groups
    await store.policies.put_inline("AGPA1", "p", "text")
    for _ in range(2):
        assert await groups.add_member("AGPA1", "AIDA1")
    assert await groups.members("AGPA1") == [ALICE]
    assert await groups.of("AIDA1") == [WEB]
    assert await store.policies.granted("AIDA1") == [GrantedPolicy("AGPA1", "p", None, "text")]
    assert await store.policies.granted("AIDA2") == []
    assert not await groups.add_member("AGPA1", "AIDA9")
    assert not await groups.add_member("AGPA9", "AIDA1")
    assert not await groups.remove("AGPA1")
    assert await groups.remove_member("AGPA1", "AIDA1")
    assert not await groups.remove_member("AGPA1", "AIDA1")
    assert await store.policies.granted("AIDA1") == []
    assert await groups.remove("AGPA1")
    assert not await groups.remove("AGPA1")
    assert await groups.all() == [DB]


async def test_a_user_who_goes_leaves_its_groups(store: Store) -> None:
    await store.groups.add_member("AGPA1", "AIDA1")
    await store.identities.remove_user("AIDA1")
    assert await store.groups.members("AGPA1") == []


async def test_names_are_taken_once(store: Store) -> None:
    groups = store.groups
    assert await groups.rename("AGPA1", "front", "/")
    assert await groups.named("web") is None
    assert await groups.get("AGPA1") == await groups.named("front") == Group("AGPA1", "front", Millis(3))
    assert not await groups.rename("AGPA9", "other", "/")
    attempts = [
        groups.add(Group("AGPA3", "db", Millis(5))),
        groups.rename("AGPA1", "db", "/"),
        store.identities.change_user("AIDA1", UserChanges(name="bob")),
    ]
    for attempt in attempts:
        with pytest.raises(ServiceError) as refused:
            await attempt
        assert (refused.value.code, refused.value.status) == ("EntityAlreadyExists", 409)


async def test_what_changes_of_a_user(store: Store) -> None:
    arn = "arn:aws:iam::123456789012:policy/bound"
    assert await store.identities.change_user("AIDA1", UserChanges("carol", boundary_arn=arn))
    changed = User("AIDA1", "carol", Millis(1), "/ops/", arn)
    assert await store.identities.get_user("AIDA1") == changed
    assert await store.identities.bounded_by(arn) == [changed]
    assert await store.identities.change_user("AIDA1", UserChanges())
    assert not await store.identities.change_user("AIDA9", UserChanges("x"))
    assert await store.identities.get_user("AIDA2") == BOB


async def test_uses_of_keys_are_remembered(store: Store) -> None:
    for key_id in ("AKIA1", "AKIA2"):
        await store.identities.add_key(AccessKey(key_id, "AIDA1", b"sealed", True, Millis(1)))
    use = LastKeyUse(Millis(9), "ssm", "test-1")
    await store.identities.note_key_uses({"AKIA1": use, "AKIA9": use})
    assert [key.last_use for key in await store.identities.keys_of("AIDA1")] == [use, None]
