"""What every adapter of the policy store must do."""

from dataclasses import replace

import pytest

from ferryman.core.ports.people.iam import GrantedPolicy, KeyHolder
from ferryman.core.ports.store import Store
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.identity.policies import ManagedPolicy, PolicyVersion
from ferryman.model.identity.users import AccessKey, User, UserChanges
from ferryman.model.tags import ResourceType

ARN = "arn:aws:iam::123456789012:policy/deploy"
POLICY = ManagedPolicy(ARN, "ANPA1", "deploy", "What deploys.", 1, 1, Millis(5), Millis(5))
BUILT_IN = "arn:aws:iam::aws:policy/FerrymanOperator"


async def test_an_identity_is_granted_its_own_policies(store: Store) -> None:
    policies = store.policies
    await policies.add(POLICY, "one")
    for name, text in (("b", "b1"), ("a", "a1"), ("b", "b2")):
        await policies.put_inline("AIDA1", name, text)
    await policies.put_inline("AIDA2", "a", "not this")
    for _ in range(2):
        await policies.attach("AIDA1", ARN)
    await policies.attach("AIDA1", BUILT_IN)
    assert await policies.inline("AIDA1") == [("a", "a1"), ("b", "b2")]
    assert await policies.attached("AIDA1") == [ARN, BUILT_IN]
    assert set(await policies.granted("AIDA1")) == {
        GrantedPolicy("AIDA1", "a", None, "a1"),
        GrantedPolicy("AIDA1", "b", None, "b2"),
        GrantedPolicy("AIDA1", None, ARN, "one"),
        GrantedPolicy("AIDA1", None, BUILT_IN, None),
    }
    assert await policies.remove_inline("AIDA1", "a")
    assert not await policies.remove_inline("AIDA1", "a")
    assert await policies.detach("AIDA1", ARN)
    assert not await policies.detach("AIDA1", ARN)
    assert len(await policies.granted("AIDA1")) == 2
    await policies.forget("AIDA1")
    assert await policies.granted("AIDA1") == []
    assert len(await policies.granted("AIDA2")) == 1


async def test_the_default_version_is_the_one_that_counts(store: Store) -> None:
    policies = store.policies
    await policies.add(POLICY, "one")
    await policies.attach("AIDA1", ARN)
    two, three = PolicyVersion(ARN, 2, "two", Millis(6)), PolicyVersion(ARN, 3, "three", Millis(7))
    assert await policies.add_version(two, is_default=False)
    assert not await policies.add_version(replace(two, text="again"), is_default=True)
    assert await policies.granted("AIDA1") == [GrantedPolicy("AIDA1", None, ARN, "one")]
    assert await policies.add_version(three, is_default=True)
    assert await policies.granted("AIDA1") == [GrantedPolicy("AIDA1", None, ARN, "three")]
    assert await policies.get(ARN) == replace(POLICY, default_version=3, latest_version=3, updated_at=Millis(7))
    assert [each.text for each in await policies.versions(ARN)] == ["three", "two", "one"]
    assert not await policies.remove_version(ARN, 3)
    assert await policies.set_default(ARN, 2)
    assert not await policies.set_default(ARN, 9)
    assert await policies.remove_version(ARN, 3)
    assert await policies.granted("AIDA1") == [GrantedPolicy("AIDA1", None, ARN, "two")]


async def test_a_policy_is_added_once_and_removed_whole(store: Store) -> None:
    policies = store.policies
    await policies.add(POLICY, "one")
    with pytest.raises(ServiceError) as refused:
        await policies.add(replace(POLICY, policy_id="ANPA2"), "other")
    assert (refused.value.code, refused.value.status) == ("EntityAlreadyExists", 409)
    assert await policies.all() == [POLICY]
    await policies.attach("AIDA1", ARN)
    assert await policies.holders(ARN) == ["AIDA1"]
    assert await policies.attachment_counts() == {ARN: 1}
    assert not await policies.remove(ARN)
    await policies.detach("AIDA1", ARN)
    await store.identities.add_user(User("AIDA2", "bounded", Millis(1), boundary_arn=ARN))
    assert not await policies.remove(ARN)
    await store.identities.change_user("AIDA2", UserChanges(boundary_arn=""))
    assert await policies.remove(ARN)
    assert not await policies.remove(ARN)
    assert not await policies.attach("AIDA1", ARN)
    assert await policies.versions(ARN) == []
    assert not await policies.add_version(PolicyVersion(ARN, 1, "x", Millis(1)), is_default=True)


async def test_a_transaction_that_fails_changes_nothing(store: Store) -> None:
    """The second statement of `add_version` has no policy to point at."""
    await store.policies.add(POLICY, "one")
    assert not await store.policies.add_version(PolicyVersion(ARN, 1, "again", Millis(9)), is_default=True)
    assert await store.policies.get(ARN) == POLICY
    await store.identities.add_user(User("AIDA1", "alice", Millis(1)))


async def test_a_key_is_read_with_its_user_and_what_bears_on_the_user(store: Store) -> None:
    user = User("AIDA1", "alice", Millis(1))
    key = AccessKey("AKIA1", "AIDA1", b"sealed", True, Millis(2))
    assert await store.identities.key_holder("AKIA1") is None
    await store.identities.add_user(user)
    await store.identities.add_key(key)
    assert await store.identities.key_holder("AKIA1") == KeyHolder(key, user, [], {})
    await store.policies.put_inline("AIDA1", "own", "text")
    await store.policies.attach("AIDA1", BUILT_IN)
    await store.tags.put(ResourceType.USER, "AIDA1", {"team": "web", "env": "prod"})
    await store.tags.put(ResourceType.ROLE, "AIDA1", {"other": "kind"})
    await store.identities.set_key_active("AKIA1", active=False)
    holder = await store.identities.key_holder("AKIA1")
    assert holder is not None
    assert (holder.key, holder.user) == (replace(key, active=False), user)
    assert holder.policies == await store.policies.granted("AIDA1")
    assert len(holder.policies) == 2
    assert holder.tags == {"team": "web", "env": "prod"}
