"""The counters that the rest of the server adds to."""

from typing import Protocol


class Counters(Protocol):
    """Receives the events that are worth counting."""

    def answered(self, service: str, operation: str, error: str | None, seconds: float) -> None:
        """Count an API call. `error` is AWS's code, None for success."""

    def lagged(self, seconds: float) -> None:
        """Count how late the event loop ran something that was due."""


class NoCounters:
    """Counts nothing."""

    def answered(self, service: str, operation: str, error: str | None, seconds: float) -> None:
        """Do nothing."""

    def lagged(self, seconds: float) -> None:
        """Do nothing."""
