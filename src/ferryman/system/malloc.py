"""The C library's allocator: how much freed memory a process keeps."""

import functools
import sys

KEPT_BYTES = 8 << 20
"""Free bytes kept at the end of the heap, and the size from which a block gets a mapping of its own."""

_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3


@functools.cache
def keep_freed_memory() -> bool:
    """Keep some freed memory for the next message; return whether the C library supports that (glibc does).

    Otherwise every message of 128 KiB gets fresh pages from the kernel and returns them, which costs three times as
    much as receiving it.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # takes 2 ms, which programs without sessions are spared

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_TRIM_THRESHOLD, KEPT_BYTES)) and bool(mallopt(_MMAP_THRESHOLD, KEPT_BYTES))
