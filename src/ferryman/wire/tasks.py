"""JSON payloads of the control channel: starting a session on a node and its result (`protocol/agent.md` §3.5 on)."""

from typing import Any

import msgspec

from ferryman.wire.agent_message import MessageType
from ferryman.wire.payloads import decode_payload, encode_payload


class InteractiveShell(msgspec.Struct, frozen=True, rename="pascal"):
    """The task to start a session; `content` is a JSON text, see InteractiveShellContent."""

    content: str
    task_id: str
    topic: str = MessageType.INTERACTIVE_SHELL.value
    schema_version: int = 1


class InteractiveShellContent(msgspec.Struct, frozen=True, rename="pascal"):
    """The session to start: its document, rendered by the service, and the parameters' values."""

    document_content: dict[str, Any]
    session_id: str
    document_name: str = ""
    parameters: dict[str, Any] | None = None
    run_as_user: str = ""
    session_owner: str = ""


class AgentTaskComplete(msgspec.Struct, frozen=True, rename="pascal", kw_only=True):
    """The result of a session.

    `final_task_status` is Success, Failed, Cancelled or TimedOut; `output` is for people; `retry_number` counts from 1.
    """

    schema_version: int = 1
    task_id: str
    topic: str = MessageType.AGENT_TASK_COMPLETE.value
    final_task_status: str
    is_routing_failure: bool = False
    aws_account_id: str = ""
    instance_id: str = ""
    output: str = ""
    s3_bucket: str = msgspec.field(name="S3Bucket", default="")
    s3_url_suffix: str = msgspec.field(name="S3UrlSuffix", default="")
    cwl_group: str = ""
    cwl_stream: str = ""
    retry_number: int = 1


class AgentTaskAcknowledge(msgspec.Struct, frozen=True, rename="pascal", kw_only=True):
    """The server's receipt of a result; nodes read `message_id` only, that of the completing message."""

    schema_version: int = 1
    message_id: str
    task_id: str
    topic: str = MessageType.AGENT_TASK_COMPLETE.value


def encode_interactive_shell(content: InteractiveShellContent) -> bytes:
    """Return the payload of an interactive_shell message for `content`; the task's id is the session's."""
    return encode_payload(InteractiveShell(encode_payload(content).decode(), content.session_id))


def decode_interactive_shell(data: bytes) -> InteractiveShellContent:
    """Return the session that an interactive_shell message asks for. Raises MalformedPayload, for its inner text
    too."""
    return decode_payload(decode_payload(data, InteractiveShell).content.encode(), InteractiveShellContent)
