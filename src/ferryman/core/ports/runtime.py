"""The sources of time and of random bytes."""

from collections.abc import Callable

from ferryman.model.identifiers import Millis

Clock = Callable[[], Millis]


Entropy = Callable[[int], bytes]
