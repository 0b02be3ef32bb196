"""Confines this process: it reads what strangers wrote, and a bug in its libraries must cost nothing but itself."""

import os
import resource
import signal

_MIB = 1 << 20
_FILES = 16


def confine(mebibytes: int, niceness: int) -> None:
    """Limit the address space and open files, allow no file to be written, and let other processes go first.

    `signal.setitimer(signal.ITIMER_PROF, …)` then ends the process after so much processor time.
    """
    os.nice(niceness)
    for limit, most in (
        (resource.RLIMIT_AS, mebibytes * _MIB),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _FILES),
    ):
        resource.setrlimit(limit, (most, most))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
