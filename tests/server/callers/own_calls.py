"""Calls of Ferryman's own service, and the end of a session that is recorded."""

import json
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from ferryman.model.identifiers import SessionId
from ferryman.model.identity.credentials import Credentials
from ferryman.model.sessions import SessionStatus
from tests.server.running import Paired, Server, until


async def finished(server: Server, paired: Paired) -> dict[str, Any]:
    """End the session as its agent does; return its recording once that is finished."""
    await paired.end()
    await server.until_status(paired.session_id, SessionStatus.TERMINATED)
    find = partial(server.store.recordings.get, SessionId(paired.session_id))
    await until(find, lambda recording: recording is not None and recording.finished_at is not None)
    return dict((await call(server, "GetRecording", SessionId=paired.session_id))["Recording"])


async def call(server: Server, operation: str, credentials: Credentials | None = None, **members: Any) -> Any:
    """Call an operation of Ferryman's own service; raises ClientError."""
    body = json.dumps(members).encode()
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Ferryman.{operation}"}
    signed = server.signed("POST", "/", "", body, headers, credentials, "ferryman")
    status, answer = await server.json_call(f"Ferryman.{operation}", body, signed)
    if status != 200:
        raise ClientError({"Error": {"Code": answer["__type"], "Message": answer.get("message", "")}}, operation)
    return answer
