"""In a process of its own: what is left out of collections is left out for good."""

import subprocess
import sys

from tests.waiting import PATIENCE

PROGRAM = """
import asyncio, gc
from ferryman.bootstrap.garbage_collection import spare_loaded_objects
import ferryman.server.serving

asyncio.run(spare_loaded_objects())
print(gc.get_freeze_count(), len(gc.get_objects()))
"""


def test_files_loaded_at_the_start_are_not_read_again() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True, timeout=PATIENCE)
    spared, looked_at = map(int, told.stdout.split())
    assert spared > 50_000
    assert looked_at < spared / 20
