"""The contract of the stores of KMS keys, aliases and grants."""

import asyncio
from dataclasses import replace

import pytest

from ferryman.core.ports.store import Store
from ferryman.model.errors import ServiceError
from ferryman.model.identifiers import Millis
from ferryman.model.kms import KeyAlias, KeyGeneration, KeyGrant, KeyState, KmsKey, RotationType
from ferryman.model.tags import ResourceType

KEY = KmsKey("a" * 36, "d\u00e9", KeyState.ENABLED, "{}", {"arn:aws:iam::1:user/a": "AIDA"}, Millis(5))
FIRST = KeyGeneration(1, b"\0sealed", "f" * 64, Millis(5))
SECOND = KeyGeneration(2, b"\xffother", "e" * 64, Millis(9), RotationType.ON_DEMAND)
MOST = 100


async def test_a_key_is_found_by_id_and_alias_with_a_generation(store: Store) -> None:
    assert await store.kms_keys.add(KEY, FIRST, MOST)
    assert await store.kms_aliases.add(KeyAlias("alias/b", KEY.key_id, Millis(6), Millis(6)), MOST)
    assert await store.kms_aliases.add(KeyAlias("alias/a", KEY.key_id, Millis(6), Millis(6)), MOST)
    await store.tags.put(ResourceType.KMS_KEY, KEY.key_id, {"team": "ops"})
    found = await store.kms_keys.find(KEY.key_id)
    assert found is not None
    assert (found.key, found.generation) == (KEY, FIRST)
    assert found.aliases == ("alias/a", "alias/b")
    assert found.tags == {"team": "ops"}
    assert await store.kms_keys.find("alias/b") == found
    assert await store.kms_keys.find("alias/c") is None
    assert await store.kms_keys.find("b" * 36) is None
    older = await store.kms_keys.find(KEY.key_id, 7)
    assert older is not None
    assert older.generation is None


async def test_keys_are_limited_and_paged(store: Store) -> None:
    keys = [replace(KEY, key_id=letter * 36) for letter in "cab"]
    assert [await store.kms_keys.add(key, FIRST, 2) for key in keys] == [True, True, False]
    assert await store.kms_keys.find("b" * 36) is None
    assert await store.kms_keys.generations("b" * 36) == []
    assert await store.kms_keys.page("", 5) == ["a" * 36, "c" * 36]
    assert await store.kms_keys.page("a" * 36, 5) == ["c" * 36]
    assert await store.kms_keys.page("", 1) == ["a" * 36]


async def test_a_change_is_made_to_what_was_read_only(store: Store) -> None:
    await store.kms_keys.add(KEY, FIRST, MOST)
    disabled = replace(KEY, state=KeyState.DISABLED)
    assert await store.kms_keys.change(KEY, disabled)
    assert not await store.kms_keys.change(KEY, replace(KEY, description="late"))
    waiting = replace(disabled, state=KeyState.PENDING_DELETION, deletion_at=Millis(50), pending_days=7)
    assert await store.kms_keys.change(disabled, waiting)
    assert await store.kms_keys.due_for_deletion(Millis(49), 9) == []
    assert await store.kms_keys.due_for_deletion(Millis(50), 9) == [waiting]
    assert not await store.kms_keys.delete(KEY)


async def test_only_one_of_two_rotations_takes_effect(store: Store) -> None:
    rotating = replace(KEY, rotation_days=90, next_rotation_at=Millis(8))
    await store.kms_keys.add(rotating, FIRST, MOST)
    assert await store.kms_keys.due_for_rotation(Millis(7), 9) == []
    assert await store.kms_keys.due_for_rotation(Millis(8), 9) == [rotating]
    answers = await asyncio.gather(*(store.kms_keys.rotate(rotating, SECOND, Millis(99)) for _ in range(5)))
    assert sum(answers) == 1
    found = await store.kms_keys.find(KEY.key_id)
    assert found is not None
    assert found.key == replace(rotating, generation=2, next_rotation_at=Millis(99))
    assert found.generation == SECOND
    assert await store.kms_keys.generations(KEY.key_id) == [FIRST, SECOND]
    older = await store.kms_keys.find(KEY.key_id, 1)
    assert older is not None
    assert older.generation == FIRST
    disabled = replace(found.key, state=KeyState.DISABLED)
    assert await store.kms_keys.change(found.key, disabled)
    assert not await store.kms_keys.rotate(disabled, replace(SECOND, generation=3), None)
    assert await store.kms_keys.due_for_rotation(Millis(1000), 9) == []


async def test_all_that_belongs_to_a_key_goes_with_it(store: Store) -> None:
    await store.kms_keys.add(KEY, FIRST, MOST)
    await store.kms_aliases.add(KeyAlias("alias/a", KEY.key_id, Millis(6), Millis(6)), MOST)
    await store.kms_grants.add(KeyGrant("g", KEY.key_id, "", "arn", "AIDA", ("Decrypt",), Millis(1)), MOST, MOST)
    await store.tags.put(ResourceType.KMS_KEY, KEY.key_id, {"team": "ops"})
    assert await store.kms_keys.delete(KEY)
    assert await store.kms_keys.find(KEY.key_id) is None
    assert await store.kms_aliases.get("alias/a") is None
    assert await store.kms_grants.get("g") is None
    assert await store.kms_keys.generations(KEY.key_id) == []
    assert await store.tags.of(ResourceType.KMS_KEY, [KEY.key_id]) == {}


async def test_material_is_resealed_if_it_is_unchanged(store: Store) -> None:
    other = replace(KEY, key_id="b" * 36)
    await store.kms_keys.add(KEY, FIRST, MOST)
    await store.kms_keys.add(other, FIRST, MOST)
    await store.kms_keys.rotate(KEY, SECOND, None)
    pages = [await store.kms_keys.generations_after(after, 2) for after in (("", 0), (KEY.key_id, 2), ("c", 0))]
    assert pages == [[(KEY.key_id, FIRST), (KEY.key_id, SECOND)], [(other.key_id, FIRST)], []]
    assert await store.kms_keys.reseal(KEY.key_id, 2, SECOND.sealed, b"new")
    assert not await store.kms_keys.reseal(KEY.key_id, 2, SECOND.sealed, b"newer")
    assert (await store.kms_keys.generations(KEY.key_id))[1].sealed == b"new"


async def test_aliases(store: Store) -> None:
    other = replace(KEY, key_id="b" * 36)
    await store.kms_keys.add(KEY, FIRST, MOST)
    await store.kms_keys.add(other, FIRST, MOST)
    alias = KeyAlias("alias/a", KEY.key_id, Millis(6), Millis(6))
    assert await store.kms_aliases.add(alias, 1)
    with pytest.raises(ServiceError, match="AlreadyExistsException"):
        await store.kms_aliases.add(replace(alias, key_id=other.key_id), 1)
    assert not await store.kms_aliases.add(replace(alias, name="alias/b"), 1)
    assert not await store.kms_aliases.add(replace(alias, name="alias/b", key_id="c" * 36), 1)
    assert await store.kms_aliases.get("alias/a") == alias
    assert not await store.kms_aliases.move("alias/z", KEY.key_id, other.key_id, Millis(8), 1)
    assert not await store.kms_aliases.move("alias/a", other.key_id, other.key_id, Millis(8), 1)
    assert await store.kms_aliases.move("alias/a", KEY.key_id, other.key_id, Millis(8), 1)
    moved = replace(alias, key_id=other.key_id, updated_at=Millis(8))
    assert await store.kms_aliases.page(None, "", 9) == [moved]
    assert await store.kms_aliases.page(None, "alias/a", 9) == []
    assert await store.kms_aliases.page(KEY.key_id, "", 9) == []
    assert await store.kms_aliases.page(other.key_id, "", 9) == [moved]
    assert not await store.kms_aliases.remove("alias/a", KEY.key_id)
    assert await store.kms_aliases.remove("alias/a", other.key_id)
    assert not await store.kms_aliases.remove("alias/a", other.key_id)


async def test_grants(store: Store) -> None:
    await store.kms_keys.add(KEY, FIRST, MOST)
    one = KeyGrant("g1", KEY.key_id, "n", "arn:a", "AIDA", ("Decrypt", "Encrypt"), Millis(1), subset={"k": "\u00fc"})
    two = replace(
        one, grant_id="g2", grantee="arn:b", subset=None, equals={"a": "b"}, retiring="arn:c", retiring_id="x"
    )
    assert await store.kms_grants.add(one, 2, 1)
    assert not await store.kms_grants.add(replace(one, grant_id="g3"), 2, 1)
    assert await store.kms_grants.add(two, 2, 1)
    assert not await store.kms_grants.add(replace(one, grant_id="g3"), 2, 2)
    assert not await store.kms_grants.add(replace(one, grant_id="g3", key_id="c" * 36), 3, 3)
    assert [await store.kms_grants.get(each) for each in ("g1", "g2", "g3")] == [one, two, None]
    assert await store.kms_grants.to(KEY.key_id, {"arn:a", "arn:z"}) == [one]
    assert await store.kms_grants.page(KEY.key_id, None, "", 9) == [one, two]
    assert await store.kms_grants.page(KEY.key_id, None, "g1", 9) == [two]
    assert await store.kms_grants.page(KEY.key_id, "arn:b", "", 9) == [two]
    assert await store.kms_grants.remove("g1")
    assert not await store.kms_grants.remove("g1")
