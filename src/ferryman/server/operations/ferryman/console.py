"""Ferryman's own operation for the web console."""

from ferryman.core.console.links import create_console_link
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.results import as_datetime


async def _create_console_link(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    link = await create_console_link(context.service, caller)
    return {"ConsoleUrl": link.url.reveal(), "ExpirationDate": as_datetime(link.expires_at)}


OPERATIONS: Operations = {("ferryman", "CreateConsoleLink"): _create_console_link}
