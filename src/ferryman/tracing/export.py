"""Exports spans by OTLP over HTTP, from a thread of its own.

Nobody waits for the collector. While it is away, slow or refuses, spans wait up to `WAITING_SPANS`, then new ones are
dropped and counted; the log gets a line when that begins and when it ends.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from ferryman.model.failures import said_by
from ferryman.tracing.spans import OpenTelemetry, RequestIds, sampler

WAITING_SPANS = 2048
BATCH_SPANS = 128
"""Spans of one request: encoding them takes some milliseconds, in which other threads get few turns."""
SCHEDULE_MILLISECONDS = 1000
REQUEST_SECONDS = 5.0
CLOSE_SECONDS = 2.0
"""How long waiting spans may delay the end of the process."""
_REASON_CHARACTERS = 200
_log = structlog.get_logger("ferryman.tracing")


@dataclass(frozen=True, slots=True)
class TracesOptions:
    """Where spans are sent, and which.

    `url` is the collector's, without `/v1/traces`; `headers` may hold secrets; `ca_file` is for TLS, None for the
    system's authorities. `sample_ratio` is from 0 to 1.
    """

    url: str
    headers: Mapping[str, str]
    ca_file: str | None
    sample_ratio: float
    trusts_callers: bool
    server_name: str
    version: str


class _Reasons(logging.Handler):
    """Keeps the first message that the SDK logs about a batch, the cause, and keeps it out of other logs."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first = ""
        logger = logging.getLogger("opentelemetry")
        logger.handlers = [self]
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        if self.first:
            return
        errors = [each for each in record.args or () if isinstance(each, BaseException)]
        text = _cause(errors[0]) if errors else record.getMessage().split("\n", 1)[0]
        self.first = "".join(each if each.isprintable() else " " for each in text[:_REASON_CHARACTERS])


def _cause(error: BaseException) -> str:
    """Return what the operating system or TLS said first, without the errors that libraries made of it."""
    while (earlier := error.__cause__ or error.__context__) is not None:
        error = earlier
    return said_by(error) if isinstance(error, OSError) else str(error) or type(error).__name__


class _Exporter(SpanExporter):
    """Exports batches, and logs when that begins to fail and when it works again. `taken` counts the spans that it was
    handed, `failed` those of them that were lost."""

    def __init__(self, otlp: SpanExporter, url: str, reasons: _Reasons) -> None:
        self._otlp = otlp
        self._url = url
        self._reasons = reasons
        self._failing = False
        self.taken = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        self._reasons.first = ""
        result = self._otlp.export(spans)
        if result is SpanExportResult.SUCCESS:
            if self._failing:
                self._failing = False
                _log.info("traces exported again", collector=self._url, failed_spans=self.failed)
            return result
        self.failed += len(spans)
        if not self._failing:
            self._failing = True
            _log.warning("traces cannot be exported", collector=self._url, reason=self._reasons.first)
        return result

    def shutdown(self) -> None:
        self._otlp.shutdown()


class _Processor(BatchSpanProcessor):
    """Drops spans while too many wait. Spans end on the event loop, so that one thread counts those that wait."""

    def __init__(self, exporter: _Exporter) -> None:
        super().__init__(exporter, WAITING_SPANS, SCHEDULE_MILLISECONDS, BATCH_SPANS)
        self._exporter = exporter
        self._accepted = self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._accepted - self._exporter.taken >= WAITING_SPANS:
            self.dropped += 1
            return
        self._accepted += 1
        super().on_end(span)


class Traces:
    """Traces that are exported; close it when done."""

    def __init__(self, options: TracesOptions) -> None:
        reasons = _Reasons()
        otlp = _otlp_exporter(options)
        self._exporter = _Exporter(otlp, options.url, reasons)
        named = {"service.name": "ferryman", "service.version": options.version}
        if options.server_name:
            named["service.instance.id"] = options.server_name
        self._provider = TracerProvider(
            sampler=sampler(options.sample_ratio),
            resource=Resource.create(named),
            shutdown_on_exit=False,
            id_generator=RequestIds(),
            span_limits=SpanLimits(max_span_attributes=32, max_events=32, max_span_attribute_length=512),
        )
        self._processor = _Processor(self._exporter)
        self._provider.add_span_processor(self._processor)
        self.tracing = OpenTelemetry(
            self._provider, options.version, self._lost_spans, trusts_callers=options.trusts_callers
        )

    def _lost_spans(self) -> int:
        return self._exporter.failed + self._processor.dropped

    def close(self) -> None:
        """Export the waiting spans, for `CLOSE_SECONDS` at most."""
        # The SDK would wait for half a minute; its threads are daemons, so the process can end without them.
        closing = threading.Thread(target=self._provider.shutdown, name="traces-close", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)


def probe(options: TracesOptions) -> str | None:
    """Send the collector a request without spans; return why it does not accept it, None if it does. Blocks."""
    reasons = _Reasons()
    exporter = _otlp_exporter(options)
    try:
        accepted = exporter.export([]) is SpanExportResult.SUCCESS
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]
    return None if accepted else reasons.first or "it does not accept traces"


def _otlp_exporter(options: TracesOptions) -> OTLPSpanExporter:
    return OTLPSpanExporter(
        endpoint=f"{options.url.rstrip('/')}/v1/traces",
        certificate_file=options.ca_file,
        headers=dict(options.headers),
        timeout=REQUEST_SECONDS,
        compression=Compression.Gzip,
    )
