"""Changes of keys that are due: deletion after the waiting time, and automatic rotation."""

from ferryman.core.audit.key_records import key_changed
from ferryman.core.kms.keys.rotation import rotate
from ferryman.core.service import Service
from ferryman.model.identifiers import Millis
from ferryman.model.kms import RotationType

_BATCH = 50
_DAY = 86_400_000


async def sweep_keys(service: Service) -> int:
    """Delete and rotate the keys that are due; returns how many. Several servers may do so at the same time.

    Nothing happens while the machine's clock is not settled: a key that is deleted is gone.
    """
    if not service.clock_steps.settled:
        return 0
    now, changed = service.clock(), 0
    for key in await service.store.kms_keys.due_for_deletion(now, _BATCH):
        if await service.store.kms_keys.delete(key):
            key_changed(service, key.key_id, "Deleted")
            changed += 1
    for key in await service.store.kms_keys.due_for_rotation(now, _BATCH):
        following = None if key.rotation_days is None else Millis(now + key.rotation_days * _DAY)
        if await rotate(service, key, RotationType.AUTOMATIC, following):
            key_changed(service, key.key_id, "Rotated")
            changed += 1
    return changed
