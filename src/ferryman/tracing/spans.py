"""`core.ports.tracing` over OpenTelemetry's SDK.

The current span is in a context variable of our own, which tasks inherit. OpenTelemetry's context is not used: it would
let a task that outlives its call add to the call's trace for ever.
"""

import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Self

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import (
    Link,
    Status,
    StatusCode,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind as SdkKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes as SdkAttributes

from ferryman.core.ports.tracing import NO_SPAN, NOTHING, Attributes, Span, SpanKind

_KINDS = {
    SpanKind.INTERNAL: SdkKind.INTERNAL,
    SpanKind.SERVER: SdkKind.SERVER,
    SpanKind.CLIENT: SdkKind.CLIENT,
    SpanKind.CONSUMER: SdkKind.CONSUMER,
}
_RANDOM_BITS = 56
"""The last bits of a trace's id, which must be random by W3C's Trace Context; in a UUID, the two before them are
not."""
_W3C = TraceContextTextMapPropagator()
_TRACEPARENT = "traceparent"
_current: ContextVar["_Span | None"] = ContextVar("span", default=None)
_request_id: ContextVar[int] = ContextVar("request_id", default=0)


class RequestIds(RandomIdGenerator):
    """Uses a call's request id, a UUID, as the id of its trace."""

    def generate_trace_id(self) -> int:
        """Return the id of the call that begins."""
        return _request_id.get() or super().generate_trace_id()


class RatioSampler(Sampler):
    """Samples a part of all calls, the same ones on every server. `ratio` is from 0 to 1."""

    def __init__(self, ratio: float) -> None:
        self._bound = round(ratio * (1 << _RANDOM_BITS))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SdkKind | None = None,
        attributes: SdkAttributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide by the random part of the trace's id."""
        chosen = trace_id & ((1 << _RANDOM_BITS) - 1) < self._bound
        return SamplingResult(Decision.RECORD_AND_SAMPLE if chosen else Decision.DROP, attributes)

    def get_description(self) -> str:
        """Return the sampler's description."""
        return f"RatioSampler({self._bound / (1 << _RANDOM_BITS):g})"


class _Span:
    """`core.ports.tracing.Span`."""

    __slots__ = ("_ended", "_reset", "sdk")

    def __init__(self, sdk: SdkSpan) -> None:
        self.sdk = sdk
        self._ended = False
        self._reset: Token[_Span | None] | None = None

    @property
    def is_recorded(self) -> bool:
        return not self._ended

    def __enter__(self) -> Self:
        self._reset = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._reset is not None:
            _current.reset(self._reset)
            self._reset = None
        if kind is not None and not self._ended:
            self.fail(kind.__name__)
        self.end()

    def set(self, name: str, value: str | int) -> None:
        self.sdk.set_attribute(name, value)

    def note(self, event: str) -> None:
        self.sdk.add_event(event)

    def fail(self, error: str) -> None:
        self.sdk.set_attribute("error.type", error)
        self.sdk.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        if not self._ended:
            self._ended = True
            self.sdk.end()


class OpenTelemetry:
    """`core.ports.tracing.Tracing` over a provider made with `RequestIds`.

    `trusts_callers`: the traceparent of an API call decides its trace, and whether it is sampled.
    """

    def __init__(
        self, provider: TracerProvider, version: str, lost_spans: Callable[[], int], *, trusts_callers: bool
    ) -> None:
        self._lost_spans = lost_spans
        self._tracer = provider.get_tracer("ferryman", version)
        self._trusts_callers = trusts_callers

    def call(self, name: str, request_id: str, attributes: Attributes, *, seconds: float, parent: str | None) -> Span:
        """See the port."""
        context = _context_of(parent) if parent is not None and self._trusts_callers else Context()
        began = time.time_ns() - int(seconds * 1e9)
        reset = _request_id.set(int(request_id.replace("-", ""), 16))
        try:
            return self._started(name, context, SpanKind.SERVER, attributes, began)
        finally:
            _request_id.reset(reset)

    def child(self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes = NOTHING) -> Span:
        """See the port."""
        parent = _current.get()
        if parent is None or not parent.is_recorded:
            return NO_SPAN
        return self._started(name, set_span_in_context(parent.sdk, Context()), kind, attributes)

    def continued(
        self,
        carried: str | None,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = NOTHING,
        *,
        began_at: int | None = None,
    ) -> Span:
        """See the port."""
        if carried is None:
            return NO_SPAN
        began = None if began_at is None else began_at * 1_000_000
        return self._started(name, _context_of(carried), kind, attributes, began)

    @property
    def carried(self) -> str | None:
        """See the port."""
        span = _current.get()
        if span is None or not span.is_recorded:
            return None
        context = span.sdk.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"

    @property
    def lost_spans(self) -> int:
        """See the port."""
        return self._lost_spans()

    def _started(
        self, name: str, context: Context, kind: SpanKind, attributes: SdkAttributes, began: int | None = None
    ) -> Span:
        sdk = self._tracer.start_span(
            name,
            context,
            _KINDS[kind],
            attributes,
            start_time=began,
            record_exception=False,
            set_status_on_exception=False,
        )
        return _Span(sdk) if sdk.is_recording() else NO_SPAN


def sampler(ratio: float) -> Sampler:
    """Return the sampler: of a part of the calls, and of trusted traces that their sender samples."""
    return ParentBased(RatioSampler(ratio))


def _context_of(traceparent: str) -> Context:
    """Return the context of a span elsewhere; an empty one if this is not a traceparent."""
    return _W3C.extract({_TRACEPARENT: traceparent}, Context())
