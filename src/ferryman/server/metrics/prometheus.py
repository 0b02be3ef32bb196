"""Counting for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram, PlatformCollector, ProcessCollector

OK = "ok"
OTHER = "other"
CALL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class PrometheusCounters:
    """Counts for Prometheus. Labels are bounded: an operation that the server does not have is `other`."""

    def __init__(self, operations: frozenset[tuple[str, str]]) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._operations = operations
        self._calls = Counter(
            "ferryman_api_calls",
            "API calls answered, by AWS's error code or ok.",
            ("service", "operation", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "ferryman_api_call_seconds",
            "From an API call's head to its answer.",
            ("service", "operation"),
            buckets=CALL_SECONDS,
            registry=self.registry,
        )
        self._lag = Histogram(
            "ferryman_event_loop_lag_seconds",
            "How late the event loop ran what was due, twice a second.",
            buckets=LAG_SECONDS,
            registry=self.registry,
        )

    def answered(self, service: str, operation: str, error: str | None, seconds: float) -> None:
        """See `Counters`."""
        if (service, operation) not in self._operations:
            service = operation = OTHER
        self._calls.labels(service, operation, error or OK).inc()
        self._seconds.labels(service, operation).observe(seconds)

    def lagged(self, seconds: float) -> None:
        """See `Counters`."""
        self._lag.observe(seconds)
