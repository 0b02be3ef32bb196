"""The clock of one recording: milliseconds since it began."""

from collections.abc import Callable

from ferryman.core.service import Service
from ferryman.model.identifiers import Millis


def elapsed(service: Service, started_at: Millis, last_at: int) -> Callable[[], int]:
    """Return a clock that is unmoved by steps of the machine's clock, and never behind `last_at`."""
    clock, steps = service.clock, service.clock_steps
    began = started_at - steps.total
    return lambda: max(last_at, clock() - steps.total - began)
