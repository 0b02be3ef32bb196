"""`ferryman server`, its clock ahead of the real one by what a file says: run with the file, then the arguments.

The file holds milliseconds and is replaced, never written in place. They are as if they had passed; those in the file's
neighbour `set` are what the machine's clock is set by.
"""

import sys
from pathlib import Path

from ferryman.bootstrap import service as composition
from ferryman.cli import main
from ferryman.model.identifiers import Millis

_ahead = Path(sys.argv.pop(1))
_set = _ahead.with_name("set")
_real, _real_monotonic = composition.wall_clock, composition.monotonic_clock


def _moved_clock() -> Millis:
    return Millis(_real() + int(_ahead.read_text()) + int(_set.read_text()))


def _moved_monotonic_clock() -> Millis:
    return Millis(_real_monotonic() + int(_ahead.read_text()))


composition.wall_clock = _moved_clock
composition.monotonic_clock = _moved_monotonic_clock
main.main()
