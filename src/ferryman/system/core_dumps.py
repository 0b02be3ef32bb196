"""Keeps what this process holds in memory, such as keys, out of core dumps on disk."""

import sys


def forbid_core_dumps() -> None:
    """Set the soft limit of RLIMIT_CORE to 0. Programs that this process starts inherit that and may raise it again.

    Windows writes no core dumps by itself; there this does nothing.
    """
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
