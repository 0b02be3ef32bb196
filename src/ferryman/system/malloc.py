"""How the C library keeps memory that is freed."""

import functools
import sys

KEPT_BYTES = 8 << 20
"""Free bytes at the end of the heap that are not given back, and the size from which a block is mapped by itself."""

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3


@functools.cache
def keep_freed_memory() -> bool:
    """Have the process keep some freed memory for the next message; return whether the C library can do so (glibc).

    Otherwise every message of 128 KiB gets fresh pages from the kernel and gives them back, which costs three times
    what it takes to receive it.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # 2 ms, which programs that carry no session need not spend

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT_BYTES)) and bool(mallopt(_MMAP_THRESHOLD, KEPT_BYTES))
