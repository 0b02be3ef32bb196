"""Metrics that are read from the server's parts when Prometheus asks."""

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from ferryman.model.values.timing import BOUNDS, Timing
from ferryman.server.channels.gateway import Gateway
from ferryman.system.log_writer import dropped_log_lines


class Gauges(Collector):
    """The channels, sessions and health of one server."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> Iterator[Metric]:
        """Yield everything as it is now."""
        gateway, service = self._gateway, self._gateway.service
        yield _gauge(
            "ferryman_channels", "WebSockets that are open: nodes, ends of sessions, watchers.", gateway.open_channels
        )
        yield _gauge(
            "ferryman_connected_nodes", "Nodes whose control channel is on this server.", gateway.connected_nodes
        )
        sessions = GaugeMetricFamily(
            "ferryman_sessions", "Sessions that this server relays, by which ends are connected.", labels=["ends"]
        )
        for ends, count in gateway.session_counts().items():
            sessions.add_metric([ends], count)
        yield sessions
        traffic = CounterMetricFamily(
            "ferryman_relayed_bytes", "Bytes of frames that sessions' ends sent.", labels=["sender"]
        )
        for sender, size in gateway.relayed_bytes().items():
            traffic.add_metric([sender], size)
        yield traffic
        yield from _timed("ferryman_store", "Waiting for the store, its threads included", service.store.timings)
        yield from _timed("ferryman_bus", "Waiting for other servers", service.bus.timings)
        yield _gauge("ferryman_bus_connected", "Whether other servers can be reached.", service.bus.is_connected)
        yield _gauge("ferryman_draining", "Whether the server is stopping.", gateway.draining)
        yield _gauge(
            "ferryman_audit_failed", "Whether the audit trail cannot be written.", service.trail.failure is not None
        )
        yield _gauge(
            "ferryman_recordings_failed", "Whether recordings cannot be written.", service.recorder.failure is not None
        )
        yield _gauge(
            "ferryman_audit_records_waiting", "Records of the audit trail that are not written.", service.trail.waiting
        )
        yield _gauge(
            "ferryman_recordings_waiting_bytes",
            "Bytes of recordings that are not written.",
            service.recorder.waiting_bytes,
        )
        yield CounterMetricFamily(
            "ferryman_spans_lost", "Spans of traces that could not be exported.", value=service.tracing.lost_spans
        )
        yield CounterMetricFamily(
            "ferryman_log_lines_dropped", "Log lines that could not be written.", value=dropped_log_lines()
        )


def _timed(prefix: str, documentation: str, timings: Mapping[str, Timing]) -> Iterator[Metric]:
    took = HistogramMetricFamily(f"{prefix}_seconds", f"{documentation}.", labels=["kind"])
    underway = GaugeMetricFamily(f"{prefix}_underway", f"{documentation}: how many do now.", labels=["kind"])
    for kind, timing in timings.items():
        bounds = [*map(str, BOUNDS), "+Inf"]
        took.add_metric([kind], list(zip(bounds, accumulate(timing.counts), strict=True)), timing.seconds)
        underway.add_metric([kind], timing.underway)
    yield took
    yield underway


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, documentation, value=float(value))
