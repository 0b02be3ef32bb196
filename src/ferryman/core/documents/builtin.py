"""The built-in documents, under AWS's names (`protocol/agent.md` §5.8), with Ferryman's own content."""

import json
from collections.abc import Mapping
from typing import Any

from ferryman.core.documents.builtin_patterns import HOST, PORT, PORT_OR_ZERO, SEPARATOR, SOCKET
from ferryman.core.documents.content import read_document
from ferryman.model.documents import PREFERENCES_DOCUMENT, DocumentFormat, DocumentVersion, StoredDocument
from ferryman.model.identifiers import Millis
from ferryman.model.session_types import LOCAL_PORT_FORWARDING, SessionType

_SINCE = Millis(1_735_689_600_000)
_PORT = {"type": "String", "allowedPattern": PORT}
_PORT_OR_ZERO = {"type": "String", "allowedPattern": PORT_OR_ZERO}
_REMOTE_PORT = {**_PORT, "description": "The port on the managed node", "default": "80"}
_LOCAL_PORT = {**_PORT_OR_ZERO, "description": "The port on the client's machine, 0 for any", "default": "0"}
_HOST = {
    "type": "String",
    "description": "The name or IP address of the host to reach from the managed node",
    "default": "localhost",
    "allowedPattern": HOST,
}
_SOCKET = {
    "type": "String",
    "description": "The path of the Unix socket to listen on, on the client's machine",
    "allowedPattern": SOCKET,
}
_COMMAND = {"type": "String", "description": "The command to run", "minChars": 1}
_FORWARDING = {"portNumber": "{{ portNumber }}", "type": LOCAL_PORT_FORWARDING}


def _document(session_type: str, description: str, **members: Any) -> dict[str, Any]:
    return {"schemaVersion": "1.0", "description": description, "sessionType": session_type, **members}


def _on_every_platform(command: Mapping[str, Any]) -> dict[str, Any]:
    return {platform: dict(command) for platform in ("windows", "linux", "macos")}


def _separator(stream: str) -> dict[str, Any]:
    return {
        "type": "String",
        "description": f"The prefix of {stream} when streams are separate, for clients that do not distinguish them",
        "default": "",
        "allowedPattern": SEPARATOR,
    }


_CONTENTS: Mapping[str, dict[str, Any]] = {
    PREFERENCES_DOCUMENT: _document(
        SessionType.STANDARD_STREAM,
        "A shell on a managed node; the account's session preferences",
        inputs={
            "idleSessionTimeout": "",
            "maxSessionDuration": "",
            "runAsEnabled": False,
            "runAsDefaultUser": "",
            "shellProfile": {"linux": "", "windows": ""},
        },
    ),
    "AWS-StartInteractiveCommand": _document(
        SessionType.INTERACTIVE_COMMANDS,
        "One command on a managed node, in a terminal",
        parameters={"command": _COMMAND},
        properties=_on_every_platform({"commands": "{{ command }}", "runAsElevated": False}),
    ),
    "AWS-StartNonInteractiveCommand": _document(
        SessionType.NON_INTERACTIVE_COMMANDS,
        "One command on a managed node, without a terminal and without a shell",
        parameters={
            "command": _COMMAND,
            "separateOutputStream": {
                "type": "String",
                "description": "Whether standard output and standard error are separate and the exit code is reported",
                "default": "false",
                "allowedValues": ["true", "false"],
            },
            "stdOutSeparatorPrefix": _separator("standard output"),
            "stdErrSeparatorPrefix": _separator("standard error"),
        },
        properties=_on_every_platform(
            {
                "commands": "{{ command }}",
                "runAsElevated": False,
                "separateOutputStream": "{{ separateOutputStream }}",
                "stdOutSeparatorPrefix": "{{ stdOutSeparatorPrefix }}",
                "stdErrSeparatorPrefix": "{{ stdErrSeparatorPrefix }}",
            }
        ),
    ),
    "AWS-StartPortForwardingSession": _document(
        SessionType.PORT,
        "A port of a managed node, on a port of the client's machine",
        parameters={"portNumber": _REMOTE_PORT, "localPortNumber": _LOCAL_PORT},
        properties={**_FORWARDING, "localPortNumber": "{{ localPortNumber }}"},
    ),
    "AWS-StartPortForwardingSessionToRemoteHost": _document(
        SessionType.PORT,
        "A port of a host that a managed node reaches, on a port of the client's machine",
        parameters={"host": _HOST, "portNumber": _REMOTE_PORT, "localPortNumber": _LOCAL_PORT},
        properties={**_FORWARDING, "host": "{{ host }}", "localPortNumber": "{{ localPortNumber }}"},
    ),
    "AWS-StartPortForwardingSessionToSocket": _document(
        SessionType.PORT,
        "A port of a managed node, on a Unix socket of the client's machine",
        parameters={"portNumber": _REMOTE_PORT, "localUnixSocket": _SOCKET},
        properties={**_FORWARDING, "localConnectionType": "unix", "localUnixSocket": "{{ localUnixSocket }}"},
    ),
    "AWS-StartSSHSession": _document(
        SessionType.PORT,
        "A port of a managed node, on the client's standard input and output",
        parameters={"portNumber": {**_PORT, "description": "The port of the SSH server", "default": "22"}},
        properties={"portNumber": "{{ portNumber }}"},
    ),
}


def _stored(name: str, content: Mapping[str, Any]) -> StoredDocument:
    text = json.dumps(content, indent=2)
    version = DocumentVersion(name, 1, DocumentFormat.JSON, read_document(content).platforms, _SINCE)
    return StoredDocument(version, text, text, default_version=1, latest_version=1)


BUILTIN_DOCUMENTS: Mapping[str, StoredDocument] = {name: _stored(name, content) for name, content in _CONTENTS.items()}
"""By name. All are read-only; an account may create its own `PREFERENCES_DOCUMENT`, which takes precedence."""
