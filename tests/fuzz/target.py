"""What a fuzz target is: one parser of foreign bytes, what it may raise, and where to begin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
SECONDS = 0.25
"""CPU time that one call may take."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser under test.

    `run` takes one input, and raises nothing but `errors`, the documented ones. `seeds` are well-formed inputs;
    `words` are tokens of the format that mutation inserts. `limit` is the largest input in bytes, which is what the
    caller of the parser lets through. `costly` marks a target of which CI tries fewer inputs. `seconds` is the CPU time
    that one call may take: more than the default only for what never runs on the event loop or its threads.
    """

    name: str
    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    errors: tuple[type[Exception], ...] = ()
    words: tuple[bytes, ...] = ()
    limit: int = 64 * KIB
    costly: bool = False
    seconds: float = SECONDS


def text_of(data: bytes) -> str:
    """Return an input as text, the way HTTP servers and terminals hand over bytes that are not UTF-8."""
    return data.decode("utf-8", "surrogateescape")
