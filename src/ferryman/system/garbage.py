"""How often Python looks for garbage that refers to itself: rarely while a program starts, as usual once it runs, and
more often while connections come and go.

Starting creates a hundred thousand objects and nearly no garbage; looking for it would only delay a short command. At
the end Python would look through all of them again, although the system takes the memory back anyway.
"""

import atexit
import gc

_USUAL = gc.get_threshold()
_STARTING = 200_000
"""New objects between two searches; as much garbage as can pile up in a command that never runs an event loop."""


def collect_rarely() -> None:
    """Collect rarely from now on, and not at the end; long-running programs collect as usual once their event loop
    runs."""
    gc.set_threshold(_STARTING)
    atexit.register(gc.freeze)


_PER_YOUNG, _YOUNG_PER_MIDDLE = 32, 5
"""Connections between two searches among new objects, and how many of these between two among those that outlived one.
Each takes a few milliseconds; a connection and its request are about a hundred objects."""


class ConnectionTurnover:
    """Has new objects looked at after so many connections.

    Python does so after 700 more objects were made than freed. While old connections go as fast as new ones come, it
    would wait until hundreds of thousands are new, and then stop everything for more than 100 ms.
    """

    def __init__(self) -> None:
        self._connections = 0

    def note(self) -> None:
        """Note a new connection."""
        self._connections += 1
        searches, rest = divmod(self._connections, _PER_YOUNG)
        if not rest:
            gc.collect(0 if searches % _YOUNG_PER_MIDDLE else 1)


def collect_as_usual() -> None:
    """Collect as often as Python does by itself."""
    gc.set_threshold(*_USUAL)
