"""`ferryman server` whose clock a file moves: run with the file, then the arguments."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ferryman.bootstrap import service as composition
from ferryman.cli import main
from ferryman.model.identifiers import Millis

_real, _real_monotonic = composition.wall_clock, composition.monotonic_clock


@dataclass(frozen=True)
class MovedClock:
    """What is to be done to the real clock, in milliseconds; kept in a file that is replaced, never written in place.

    ahead: As if so much time had passed.
    set: What the machine's clock is set by; no time passes.
    stopped_at: When time stopped passing, by the machine's monotonic clock; None while it passes.
    """

    ahead: int = 0
    set: int = 0
    stopped_at: int | None = None

    @classmethod
    def read(cls, file: Path) -> "MovedClock":
        return cls(**json.loads(file.read_text()))

    def write(self, file: Path) -> None:
        partial = file.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)))
        partial.replace(file)

    def stood_still(self) -> int:
        """Return how long time has not passed by now."""
        return 0 if self.stopped_at is None else _real_monotonic() - self.stopped_at


def main_with_moved_clock(file: Path) -> None:
    """Run the command line with its clock moved by the file."""

    def wall_clock() -> Millis:
        moved = MovedClock.read(file)
        return Millis(_real() + moved.ahead + moved.set - moved.stood_still())

    def monotonic_clock() -> Millis:
        moved = MovedClock.read(file)
        return Millis(_real_monotonic() + moved.ahead - moved.stood_still())

    composition.wall_clock, composition.monotonic_clock = wall_clock, monotonic_clock
    main.main()


if __name__ == "__main__":
    main_with_moved_clock(Path(sys.argv.pop(1)))
