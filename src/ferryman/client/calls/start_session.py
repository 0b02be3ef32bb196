"""Calls StartSession and turns its answer into a `Launch`."""

from collections.abc import Mapping

from ferryman.client.calls.api import Api
from ferryman.client.calls.expected_session import expected_session
from ferryman.client.calls.launch import InvalidStreamUrl, Launch, checked_stream_url
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret

COMMAND_DOCUMENT = "AWS-StartNonInteractiveCommand"
INTERACTIVE_DOCUMENT = "AWS-StartInteractiveCommand"
PORT_DOCUMENT = "AWS-StartPortForwardingSession"
REMOTE_PORT_DOCUMENT = "AWS-StartPortForwardingSessionToRemoteHost"
SSH_DOCUMENT = "AWS-StartSSHSession"


def start_session(
    api: Api, node_id: str, document: str = "", parameters: Mapping[str, str] | None = None, reason: str = ""
) -> Launch:
    """Start a session on a node, by default with the account's shell document. Calls the server.

    Raises `Failure` if the server refuses, or its answer makes no sense.
    """
    members: dict[str, object] = {"Target": node_id}
    if document:
        members["DocumentName"] = document
    if parameters:
        members["Parameters"] = {name: [value] for name, value in parameters.items()}
    if reason:
        members["Reason"] = reason
    answer = api.call("StartSession", **members)
    try:
        stream_url = checked_stream_url(answer["StreamUrl"])
    except InvalidStreamUrl as error:
        raise Failure("The session was not started", str(error)) from error
    return Launch(
        session_id=answer["SessionId"],
        token=Secret(answer["TokenValue"]),
        stream_url=stream_url,
        region=api.region,
        profile=api.profile,
        target=node_id,
        endpoint=api.endpoint_url,
        expected=expected_session(stream_url, members),
    )
