"""The time and the random bytes that use cases are given."""

from collections.abc import Callable

from ferryman.model.identifiers import Millis

Clock = Callable[[], Millis]


Entropy = Callable[[int], bytes]
