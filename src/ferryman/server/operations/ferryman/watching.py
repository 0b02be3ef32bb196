"""Watching sessions live: Ferryman's own operations, in the style of AWS's."""

from ferryman.core.sessions import watching
from ferryman.model.identifiers import Millis, SessionId
from ferryman.model.identity.callers import Caller
from ferryman.server.operations.context import OperationContext, Operations, Parameters, Result
from ferryman.server.operations.results import as_datetime


async def _watch_session(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    grant = await watching.watch_session(context.service, caller, SessionId(parameters["SessionId"]))
    return {
        "SessionId": grant.session_id,
        "StreamUrl": grant.stream_url,
        "TokenValue": grant.token_value.reveal(),
        "Announced": grant.announced,
    }


async def _list_watchers(context: OperationContext, caller: Caller, parameters: Parameters) -> Result:
    found = await watching.list_watchers(context.service, caller, SessionId(parameters["SessionId"]))
    return {
        "Watchers": [
            {"Arn": each.arn, "SourceIp": each.source_ip, "Since": as_datetime(Millis(each.since))} for each in found
        ]
    }


OPERATIONS: Operations = {
    ("ferryman", "WatchSession"): _watch_session,
    ("ferryman", "ListWatchers"): _list_watchers,
}
