"""`ferryman server`, its clock ahead of the real one by what a file says: run with the file, then the arguments.

The file holds milliseconds and is replaced, never written in place.
"""

import sys
from pathlib import Path

from ferryman.cli import composition, main
from ferryman.model.identifiers import Millis

_ahead = Path(sys.argv.pop(1))
_real = composition.wall_clock


def _moved_clock() -> Millis:
    return Millis(_real() + int(_ahead.read_text()))


composition.wall_clock = _moved_clock
main.main()
