"""How often garbage is collected while a program starts, and afterwards."""

import gc

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
