"""When access keys were last used: what is noted, and how often."""

from typing import TYPE_CHECKING

from ferryman.core.iam import access_keys
from ferryman.core.iam.access_keys import NOTED_EVERY, KeyUses
from ferryman.core.iam.operator import create_access_key
from ferryman.model.identifiers import Millis
from ferryman.model.identity.users import LastKeyUse

if TYPE_CHECKING:
    from tests.unit.core.conftest import World


async def test_a_key_is_written_down_once_a_minute(world: "World") -> None:
    key = (await create_access_key(world.service, "alice")).access_key_id
    uses = KeyUses()

    async def last() -> LastKeyUse | None:
        return (await access_keys.get_access_key_last_used(world.service, world.administrator, key))[1]

    assert await last() is None
    now = world.clock()
    assert uses.note(key, "ssm", "test-1", now)
    assert uses.note(key, "iam", "test-1", Millis(now + 1))
    await uses.write(world.service)
    assert await last() == LastKeyUse(now, "ssm", "test-1")
    assert not uses.note(key, "iam", "test-1", Millis(now + NOTED_EVERY - 1))
    assert uses.note(key, "iam", "test-1", Millis(now + NOTED_EVERY))
    await uses.write(world.service)
    assert await last() == LastKeyUse(Millis(now + NOTED_EVERY), "iam", "test-1")


async def test_the_memory_of_keys_is_bounded(world: "World") -> None:
    uses = KeyUses(remembered=2)
    for number in range(3):
        uses.note(f"AKIA{number}", "ssm", "test-1", Millis(0))
    await uses.write(world.service)
    assert not uses.note("AKIA1", "ssm", "test-1", Millis(1))
    assert uses.note("AKIA0", "ssm", "test-1", Millis(1))
