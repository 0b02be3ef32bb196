"""How the server answers an AWS API call: one list of steps, from the request's body to the response.

`http.middleware` stands around it: it creates the context, answers what a step raises, and writes the audit record.
"""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from ferryman.model.errors import ServiceError
from ferryman.server.http import steps
from ferryman.server.http.admission.throttling import pause_after
from ferryman.server.http.call_context import CONTEXT, CallContext
from ferryman.server.http.spans import end_span

Step = Callable[[web.Request, CallContext], Awaitable[None]]

PIPELINE: tuple[Step, ...] = (
    steps.read_body,
    steps.identify_operation,
    steps.begin_record,
    steps.authenticate,
    steps.recognise_connection,
    steps.note_key_use,
    steps.throttle,
    steps.admit,
    steps.begin_span,
    steps.parse_parameters,
    steps.demand_trail,
    steps.perform,
    steps.serialise,
)


async def handle(request: web.Request) -> web.Response:
    """Answer one API call."""
    return await answer(request, PIPELINE)


async def answer(request: web.Request, pipeline: Sequence[Step]) -> web.Response:
    """Answer one API call by these steps, of which the last makes the response."""
    context = request[CONTEXT]
    try:
        for step in pipeline:
            await step(request, context)
    except ServiceError as error:
        pause_after(request, context, error)
        end_span(context, error)
        raise
    except BaseException as error:
        end_span(context, error)
        raise
    end_span(context)
    assert context.response is not None  # noqa: S101 the last step made it
    return context.response
