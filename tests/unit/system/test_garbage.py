"""How often garbage is collected while a program starts, and afterwards."""

import gc
import subprocess
import sys

from ferryman.system.event_loop import new_event_loop
from ferryman.system.garbage import collect_as_usual, collect_rarely


def test_garbage_is_collected_as_usual_once_there_is_an_event_loop() -> None:
    before = gc.get_threshold()
    try:
        collect_as_usual()
        usual = gc.get_threshold()
        collect_rarely()
        assert gc.get_threshold()[0] > 10 * usual[0]
        new_event_loop().close()
        assert gc.get_threshold() == usual
    finally:
        gc.set_threshold(*before)


def test_a_command_does_not_collect_when_it_exits() -> None:
    script = (
        "import atexit, gc\n"
        "from ferryman.system.garbage import collect_rarely\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0))\n"
        "collect_rarely()"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout == b"True\n"
