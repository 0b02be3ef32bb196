"""Puts the code of functions that a forked process will call next to each other in memory.

A process that calls a function writes to its code: CPython counts references there and notes what it learns about it.
In a forked process the kernel then copies the page, with the code of functions that are never called.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType, FunctionType

_originals: list[CodeType] = []
"""Kept, since new objects would otherwise be put into the gaps, on pages with much else."""


@contextmanager
def called_code_together() -> Iterator[None]:
    """Copy the code of all functions called inside, so that the copies are together.

    Functions are recognised on this thread only, and those that were made inside other functions only if they still
    exist. Call it before objects are frozen: those are not found.
    """
    called: dict[int, CodeType] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called[id(frame.f_code)] = frame.f_code

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield
    finally:
        sys.setprofile(before)
    for each in gc.get_objects():
        if type(each) is FunctionType and id(each.__code__) in called:
            _originals.append(each.__code__)
            each.__code__ = each.__code__.replace()
