"""Locks on open files, by the system's own means: they end with the process."""

import sys

if sys.platform == "win32":
    import msvcrt

    def lock_file(descriptor: int, *, wait: bool) -> None:
        """Lock the first byte of a file for this process. Without `wait`, raises BlockingIOError if another has it.

        `wait` gives up after ten seconds with OSError, as Windows does.
        """
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if wait:
                raise
            raise BlockingIOError(error.errno, error.strerror) from error
else:
    import fcntl

    def lock_file(descriptor: int, *, wait: bool) -> None:
        """Lock a file for this process. Without `wait`, raises BlockingIOError if another process has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
