"""The spans of messages between servers."""

from ferryman.core.ports.tracing import Attributes, SpanKind


def span_of_request(subject: str, system: str) -> tuple[str, SpanKind, Attributes]:
    """Return the name, kind and attributes of a request's span; `system` is the bus that carries it."""
    return f"request {_kind_of(subject)}", SpanKind.CLIENT, _attributes(subject, system, "send")


def span_of_handling(subject: str, system: str) -> tuple[str, SpanKind, Attributes]:
    """Return the same for the handling of the request by another server."""
    return f"handle {_kind_of(subject)}", SpanKind.CONSUMER, _attributes(subject, system, "process")


def _kind_of(subject: str) -> str:
    return subject.partition(".")[0]


def _attributes(subject: str, system: str, operation: str) -> Attributes:
    return {
        "messaging.system": system,
        "messaging.operation.type": operation,
        "messaging.destination.name": subject,
    }
