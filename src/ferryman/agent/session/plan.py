"""Turns a session's task into a plan that can be run: the document's program or port, the account, and the limits.

The document arrives complete: the server has already inserted the parameters.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ferryman.agent.process.accounts import Account, AccountRefused, elevated_account, session_account
from ferryman.agent.process.launcher import Program, login_shell, on_pipes, on_terminal
from ferryman.agent.process.login_environment import login_environment
from ferryman.agent.process.login_uid import set_login_uid
from ferryman.agent.process.resource_limits import raise_open_files
from ferryman.agent.session.command import CommandSession
from ferryman.agent.session.destinations import Destination, networks
from ferryman.agent.session.ports import PortSession
from ferryman.agent.session.session_handler import (
    Plan,
)
from ferryman.agent.session.terminal import TerminalSession
from ferryman.agent.settings import AgentSettings
from ferryman.channel.key_agreement import Encryption
from ferryman.model.failures import said_by
from ferryman.model.session_types import LOCAL_PORT_FORWARDING, SessionType
from ferryman.wire.tasks import InteractiveShellContent

_PLATFORM = "linux"
_PREFIX = re.compile(r"[0-9a-zA-Z\r\n_:-]{0,30}")
_PORT = re.compile(r"[0-9]{1,5}")
_LARGEST_PORT = 65535


class SessionRefused(Exception):
    """The session cannot be run here; the text is for its user."""


def plan(content: InteractiveShellContent, settings: AgentSettings) -> Plan:
    """Return the session that a task asks for. It forks the program, so the process must have one thread.

    Afterwards the kernel's audit system sees the process as logged in as the session's account.
    Raises `SessionRefused`.
    """
    encryption = _encryption(content, settings)  # before a program is started
    return replace(_planned(content, settings), encryption=encryption)


def _planned(content: InteractiveShellContent, settings: AgentSettings) -> Plan:
    document = content.document_content
    session_type = document.get("sessionType")
    if session_type == SessionType.STANDARD_STREAM:
        return _shell(content, settings)
    if session_type == SessionType.INTERACTIVE_COMMANDS:
        return _interactive(content, settings)
    if session_type == SessionType.NON_INTERACTIVE_COMMANDS:
        return _non_interactive(content, settings)
    if session_type == SessionType.PORT:
        return _port(members(document.get("properties")), settings)
    raise SessionRefused(f"Sessions of type {session_type} are not supported by this node's agent.")


def _encryption(content: InteractiveShellContent, settings: AgentSettings) -> Encryption | None:
    """Return the encryption that the document requires, None if it requires none."""
    inputs = _inputs(content)
    key = inputs.get("kmsKeyId")
    if settings.kms.keys and key not in settings.kms.keys:
        raise SessionRefused("This node runs only sessions that are encrypted with a key that its agent.toml names.")
    if not key:
        return None
    required = settings.kms.require_challenge_response or _truth(inputs, "requireKmsChallengeResponse")
    return Encryption(str(key), required)


def members(value: Any) -> Mapping[str, Any]:
    """Return a JSON object's members, none for anything else."""
    return value if isinstance(value, dict) else {}


def _shell(content: InteractiveShellContent, settings: AgentSettings) -> Plan:
    account = _log_in(content, settings)
    profile = str(members(_inputs(content).get("shellProfile")).get(_PLATFORM) or "")
    typed_first = f"{profile}\n".encode() if profile else b""
    child = on_terminal(
        login_shell(account, login_environment(account, os.environ, content.session_id), settings.limits)
    )
    return Plan(SessionType.STANDARD_STREAM, None, lambda client: TerminalSession(client, child, typed_first))


def _interactive(content: InteractiveShellContent, settings: AgentSettings) -> Plan:
    properties = _platform(content)
    commands = _commands(properties, SessionType.INTERACTIVE_COMMANDS)
    account = _log_in(content, settings, elevated=_truth(properties, "runAsElevated"))
    arguments = ("sh", "-c", commands)
    child = on_terminal(
        Program(
            "/bin/sh", arguments, login_environment(account, os.environ, content.session_id), account, settings.limits
        )
    )
    return Plan(SessionType.INTERACTIVE_COMMANDS, None, lambda client: TerminalSession(client, child))


def _non_interactive(content: InteractiveShellContent, settings: AgentSettings) -> Plan:
    properties = _platform(content)
    commands = _commands(properties, SessionType.NON_INTERACTIVE_COMMANDS)
    separate = _truth(properties, "separateOutputStream")
    prefixes = (b"", b"")
    if separate:
        prefixes = (_prefix(properties, "stdOutSeparatorPrefix"), _prefix(properties, "stdErrSeparatorPrefix"))
    try:
        arguments = tuple(shlex.split(commands))
    except ValueError as error:
        raise SessionRefused(f"Unable to start command: cannot split the command line: {error}") from error
    if not arguments:
        raise SessionRefused(f"Commands cannot be empty for session type {SessionType.NON_INTERACTIVE_COMMANDS}")
    account = _log_in(content, settings, elevated=_truth(properties, "runAsElevated"))
    program = Program(
        arguments[0], arguments, login_environment(account, os.environ, content.session_id), account, settings.limits
    )
    child = on_pipes(program, separate=separate)
    return Plan(
        SessionType.NON_INTERACTIVE_COMMANDS,
        None,
        lambda client: CommandSession(client, child, separate=separate, prefixes=prefixes),
        idles=False,
    )


def _port(properties: Mapping[str, Any], settings: AgentSettings) -> Plan:
    texts = {name: _text(name, value) for name, value in properties.items()}
    number = texts.get("portNumber", "")
    if not number:
        raise SessionRefused("Port number is empty in session properties.")
    if not (_PORT.fullmatch(number) and 0 < int(number) <= _LARGEST_PORT):
        raise SessionRefused(f"Port number {number[:40]} in session properties is not one of 1 to {_LARGEST_PORT}.")
    host = texts.get("host", "")
    if host.startswith("[") and host.endswith("]"):  # an IPv6 address as URLs have it
        host = host[1:-1]
    destination = Destination(int(number), host or None, networks(settings.denied_hosts))
    forwards = texts.get("type") == LOCAL_PORT_FORWARDING
    raise_open_files()
    return Plan(
        SessionType.PORT, texts, lambda client: PortSession(client, destination, forwards=forwards), idles=False
    )


def _log_in(content: InteractiveShellContent, settings: AgentSettings, *, elevated: bool = False) -> Account:
    try:
        if elevated:
            account = elevated_account()
        else:
            account = session_account(_inputs(content), content.run_as_user or None, settings.run_as)
    except AccountRefused as error:
        raise SessionRefused(f"Unable to start command: {said_by(error)}") from error
    set_login_uid(account.uid)
    return account


def _inputs(content: InteractiveShellContent) -> Mapping[str, Any]:
    return members(content.document_content.get("inputs"))


def _platform(content: InteractiveShellContent) -> Mapping[str, Any]:
    return members(members(content.document_content.get("properties")).get(_PLATFORM))


def _commands(properties: Mapping[str, Any], session_type: str) -> str:
    commands = properties.get("commands")
    if not isinstance(commands, str) or not commands.strip():
        raise SessionRefused(f"Commands cannot be empty for session type {session_type}")
    if "\0" in commands:
        raise SessionRefused("Unable to start command: the command line holds a NUL character")
    return commands


def _truth(properties: Mapping[str, Any], name: str) -> bool:
    """Return a boolean, which documents write as one or as text."""
    text = str(properties.get(name, "")).strip().lower()
    if text not in ("", "true", "false"):
        raise SessionRefused(f"{name} is neither true nor false in session properties.")
    return text == "true"


def _prefix(properties: Mapping[str, Any], name: str) -> bytes:
    prefix = str(properties.get(name) or "")
    if not _PREFIX.fullmatch(prefix):
        raise SessionRefused(f"invalid {name} {prefix}")
    return prefix.encode()


def _text(name: str, value: Any) -> str:
    """Return a property as text: clients can read nothing else (`protocol/client.md` §10.2)."""
    if isinstance(value, str | int) and not isinstance(value, bool):
        return str(value)
    raise SessionRefused(f"{name} is not a text in session properties.")
