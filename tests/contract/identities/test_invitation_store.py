"""The contract of the store of invitations."""

import asyncio
from dataclasses import replace

from ferryman.core.ports.store import Store
from ferryman.model.identifiers import Millis
from ferryman.model.identity.invitations import Invitation
from ferryman.model.identity.users import AccessKey, User


async def test_an_invitation_is_redeemed_once_and_in_time(store: Store) -> None:
    await store.identities.add_user(User("AIDA", "alice", Millis(1)))
    invitation = Invitation("a", b"\0hash", "AIDA", "arn", Millis(1), Millis(100))
    late = replace(invitation, invitation_id="b", expires_at=Millis(50))
    await store.invitations.add(invitation)
    await store.invitations.add(late)
    assert await store.invitations.get("a") == invitation
    keys = [AccessKey(f"AKIA{number}", "AIDA", b"sealed", True, Millis(2)) for number in range(10)]
    assert not await store.invitations.redeem("b", Millis(50), keys[0], 2)
    assert not await store.invitations.redeem("c", Millis(50), keys[0], 2)
    answers = await asyncio.gather(*(store.invitations.redeem("a", Millis(99), key, 2) for key in keys))
    assert sum(answers) == 1
    assert await store.identities.keys_of("AIDA") == [keys[answers.index(True)]]
    assert await store.invitations.get("a") is None


async def test_a_user_with_all_keys_keeps_the_invitations(store: Store) -> None:
    await store.identities.add_user(User("AIDA", "alice", Millis(1)))
    names = [f"i{number}" for number in range(6)]
    for name in names:
        await store.invitations.add(Invitation(name, b"h", "AIDA", "arn", Millis(1), Millis(100)))
    keys = [AccessKey(f"AKIA{number}", "AIDA", b"sealed", True, Millis(2)) for number in range(6)]
    redeeming = (store.invitations.redeem(name, Millis(2), key, 2) for name, key in zip(names, keys, strict=True))
    answers = await asyncio.gather(*redeeming)
    assert sum(answers) == len(await store.identities.keys_of("AIDA")) == 2
    kept = {each.invitation_id for each in await store.invitations.of("AIDA")}
    assert kept == {name for name, redeemed in zip(names, answers, strict=True) if not redeemed}


async def test_invitations_go_with_their_user_and_expired_ones_with_the_next(store: Store) -> None:
    await store.identities.add_user(User("AIDA", "alice", Millis(1)))
    invitations = [
        Invitation(name, b"h", "AIDA", "arn", Millis(at), Millis(at + 10)) for name, at in (("a", 1), ("b", 5))
    ]
    for each in invitations:
        await store.invitations.add(each)
    assert await store.invitations.of("AIDA") == invitations[::-1]
    assert not await store.invitations.remove("a", "AIDB")
    assert await store.invitations.remove("a", "AIDA")
    await store.invitations.add(replace(invitations[0], invitation_id="c", created_at=Millis(15)))
    assert [each.invitation_id for each in await store.invitations.of("AIDA")] == ["c"]
    await store.identities.remove_user("AIDA")
    assert await store.invitations.get("c") is None
