"""The port for traces of calls and of the work that they cause on this and other servers.

A span is a named piece of work with a duration; a trace is the spans of one call. Names and attributes are an
operation, a kind of work, an id: never a parameter, a text or a secret. Calls that are not traced cost next to nothing.
"""

from collections.abc import Mapping
from enum import Enum
from types import TracebackType
from typing import Protocol, Self

Attributes = Mapping[str, str | int]
NOTHING: Attributes = {}


class SpanKind(Enum):
    """The role of a span towards other services (OpenTelemetry's span kinds)."""

    INTERNAL = "internal"
    SERVER = "server"
    CLIENT = "client"
    CONSUMER = "consumer"


class Span(Protocol):
    """A span; within its `with` block, which one task enters and leaves, it is the parent of further spans.

    It ends with its block, or with `end`, whichever is first; nothing becomes its child after that.
    """

    def __enter__(self) -> Self:
        """Make it the parent of further spans."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; an exception fails it, by the name of its type alone."""

    @property
    def is_recorded(self) -> bool:
        """Whether anything is recorded of it, so that preparing attributes is worth while."""

    def set(self, name: str, value: str | int) -> None:
        """Set an attribute."""

    def note(self, event: str) -> None:
        """Note that something happened now."""

    def fail(self, error: str) -> None:
        """Note that it failed; `error` is a code."""

    def end(self) -> None:
        """End it now; idempotent."""


class Tracing(Protocol):
    """Makes spans."""

    def call(self, name: str, request_id: str, attributes: Attributes, *, seconds: float, parent: str | None) -> Span:
        """Return the span of an API call that began `seconds` ago.

        The id of its trace is the request's, unless `parent` is a W3C traceparent that the server trusts.
        """

    def child(self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes = NOTHING) -> Span:
        """Return a child of the current span; one that is not recorded if there is none."""

    def continued(
        self,
        carried: str | None,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = NOTHING,
        *,
        began_at: int | None = None,
    ) -> Span:
        """Return a child of a span of any server, as its `carried` said; one that is not recorded if that is None.

        It began now, or at `began_at`, in milliseconds since the epoch.
        """

    @property
    def carried(self) -> str | None:
        """The current span for `continued`, a W3C traceparent of 55 characters; None if nothing is traced."""

    @property
    def lost_spans(self) -> int:
        """How many spans could not be exported."""


class NoSpan:
    """Records nothing."""

    __slots__ = ()
    is_recorded = False

    def __enter__(self) -> Self:
        """Do nothing."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Do nothing."""

    def set(self, name: str, value: str | int) -> None:
        """Do nothing."""

    def note(self, event: str) -> None:
        """Do nothing."""

    def fail(self, error: str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


NO_SPAN = NoSpan()


class NoTracing:
    """Traces nothing."""

    carried = None
    lost_spans = 0

    def call(self, name: str, request_id: str, attributes: Attributes, *, seconds: float, parent: str | None) -> Span:
        """Return a span that is not recorded."""
        return NO_SPAN

    def child(self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes = NOTHING) -> Span:
        """Return a span that is not recorded."""
        return NO_SPAN

    def continued(
        self,
        carried: str | None,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = NOTHING,
        *,
        began_at: int | None = None,
    ) -> Span:
        """Return a span that is not recorded."""
        return NO_SPAN


NO_TRACING = NoTracing()
