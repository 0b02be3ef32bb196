"""What every adapter of the store of the audit trail's head must do."""

from ferryman.core.ports.audit import TrailHead
from ferryman.core.ports.store import Store


async def test_the_last_recorded_head_is_remembered(store: Store) -> None:
    assert await store.trail_heads.head() is None
    for head in (TrailHead(1, 10, "a" * 64), TrailHead(7, 2**40, "b" * 64)):
        await store.trail_heads.record(head)
        assert await store.trail_heads.head() == head
