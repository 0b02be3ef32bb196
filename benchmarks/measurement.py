"""What a benchmark reports: a value, its peer measured in the same run, and the bar it is held to."""

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """A bound on the value itself or on its ratio to the peer's."""

    of: Literal["value", "ratio"]
    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        sign, bound = ("≤", self.at_most) if self.at_most is not None else ("≥", self.at_least)
        return f"{sign} {bound:g}{' ×' if self.of == 'ratio' else ''}"

    def holds(self, value: float, ratio: float | None) -> bool | None:
        """Whether the bar is kept; None if there is no peer to compare with."""
        measured = value if self.of == "value" else ratio
        if measured is None:
            return None
        return (self.at_most is None or measured <= self.at_most) and (
            self.at_least is None or measured >= self.at_least
        )


@dataclass(frozen=True, slots=True)
class Measurement:
    """One line of the table. `peer_value` is None where the peer is not installed; `note` says why or how."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    bar: Bar | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Value over the peer's value."""
        return self.value / self.peer_value if self.peer_value else None

    @property
    def holds(self) -> bool | None:
        """Whether the bar is kept; None without a bar or a peer."""
        return self.bar.holds(self.value, self.ratio) if self.bar else None

    def as_members(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {
            "ratio": self.ratio,
            "bar": str(self.bar) if self.bar else None,
            "holds": self.holds,
        }
