"""What every adapter of the store of the audit trail's head must do."""

from ferryman.core.ports.audit import TrailHead
from ferryman.core.ports.store import Store


async def test_the_last_recorded_head_is_remembered(store: Store) -> None:
    assert await store.trail_heads.head("") is None
    for head in (TrailHead(1, 10, "a" * 64), TrailHead(7, 2**40, "b" * 64)):
        await store.trail_heads.record("", head)
        assert await store.trail_heads.head("") == head


async def test_every_server_has_its_own(store: Store) -> None:
    for number, name in enumerate(("", "one", "two")):
        await store.trail_heads.record(name, TrailHead(1, number, "a" * 64))
    assert [await store.trail_heads.head(name) for name in ("", "one", "two", "three")] == [
        TrailHead(1, 0, "a" * 64),
        TrailHead(1, 1, "a" * 64),
        TrailHead(1, 2, "a" * 64),
        None,
    ]
    assert list(await store.trail_heads.servers()) == ["one", "two"]
    assert await store.trail_heads.retire("one")
    assert not await store.trail_heads.retire("one")
    assert list(await store.trail_heads.servers()) == ["two"]
