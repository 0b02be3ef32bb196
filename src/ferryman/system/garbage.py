"""How often Python looks for garbage that refers to itself: rarely while a program starts, as usual once it runs.

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


def collect_as_usual() -> None:
    """Collect as often as Python does by itself."""
    gc.set_threshold(*_USUAL)
