"""One request, and what the server learns about it on the way to its response."""

from dataclasses import dataclass

from aiohttp import web

from ferryman.awsapi.dispatch import ApiCall
from ferryman.core.audit.records import ObservedCall
from ferryman.core.ports.tracing import NO_SPAN, Span
from ferryman.model.nodes import ManagedNode
from ferryman.signing.canonical import SignableRequest

_UNREAD = SignableRequest("", "", "", [], b"")


@dataclass(slots=True)
class CallContext:
    """What is known about one request. The middleware creates it, and each step of the pipeline adds to it.

    It does not refer to the request, which refers to it: a cycle would keep every request in memory until the garbage
    collector runs.
    """

    request_id: str
    """A UUID; in every response as x-amzn-RequestId, and in the log."""
    call: ApiCall | None = None
    """The operation, once it is identified; errors are written in its protocol. Set for upgrades, too."""
    observed: ObservedCall | None = None
    """What goes into the audit record; set together with `call`, except for upgrades. It holds the caller, the
    parameters and the result."""
    signed: SignableRequest = _UNREAD
    """The request as its signature covers it, body included; empty until the body is read."""
    node: ManagedNode | None = None
    """The node, if it signed with its own key."""
    admitted: bool = False
    """Whether the call passed all checks that come before its parameters are read."""
    response: web.Response | None = None
    """The response to a call that succeeded."""
    began_at: float = 0.0
    """When the request's head was read, by the event loop's clock."""
    span: Span = NO_SPAN
    """The call's span, once it is admitted."""

    @property
    def has_caller(self) -> bool:
        """Whether the sender of the request is known: not just who presigned it."""
        return self.observed is not None and self.observed.caller is not None and not self.observed.presigned

    def identified(self) -> tuple[ApiCall, ObservedCall]:
        """Return the operation and its record, for the steps after `identify_operation`."""
        assert self.call is not None  # noqa: S101 the order of the pipeline
        assert self.observed is not None  # noqa: S101 the same
        return self.call, self.observed


CONTEXT = web.RequestKey("context", CallContext)
"""Where the middleware puts a request's context."""
