"""The session worker: one process per session, which lives on when the agent dies.

It owns the terminal and the data channel, speaks to the server by itself, and leaves its result in the record.
"""

import asyncio
import os
import signal
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ferryman.agent.accounts import AccountRefused, environment, session_account
from ferryman.agent.channels import open_data_channel
from ferryman.agent.credentials import CredentialSource
from ferryman.agent.journal import logger
from ferryman.agent.launcher import Prepared, login_shell, prepare
from ferryman.agent.loops import run_loop
from ferryman.agent.records import FAILED, SessionRecords, SessionResult, new_result
from ferryman.agent.session import SESSION_TYPE, ShellSession, session_limits
from ferryman.agent.state import StateDirectory
from ferryman.agent.versions import USER_AGENT
from ferryman.transport.http import HttpClient
from ferryman.transport.websocket import WebSocket
from ferryman.wire.tasks import InteractiveShellContent

_LOG = logger("worker")


class WorkerTask(msgspec.Struct, frozen=True):
    """What a worker is asked to do. `run_as` is the account that the agent's configuration names, if any."""

    content: InteractiveShellContent
    run_as: str | None = None


def run_worker(task: WorkerTask, state_directory: Path, trusted: ssl.SSLContext | None) -> None:
    """Run one session to its end. Called in a newly forked process with one thread."""
    session_id = task.content.session_id
    structlog.contextvars.bind_contextvars(session_id=session_id)
    state = StateDirectory(state_directory)
    records = SessionRecords(state.sessions)
    lock = records.lock(session_id, wait=True)
    record = records.read(session_id)
    if record is None or record.result is not None:
        return  # the agent has given the session up
    record = msgspec.structs.replace(record, pid=os.getpid(), started_at=time.time())
    records.write(record)
    result = _run(task, state, trusted)
    records.write(msgspec.structs.replace(record, result=result))
    os.close(lock)


def _run(task: WorkerTask, state: StateDirectory, trusted: ssl.SSLContext | None) -> SessionResult:
    document = task.content.document_content
    session_type = document.get("sessionType")
    if session_type != SESSION_TYPE:
        return new_result(FAILED, f"Sessions of type {session_type} are not supported by this node's agent.")
    inputs = _members(document.get("inputs"))
    try:
        account = session_account(inputs, task.content.run_as_user or None, task.run_as)
    except AccountRefused as error:
        return new_result(FAILED, f"Unable to start command: {error}")
    try:
        prepared = prepare(login_shell(account, environment(account, os.environ)))
        return run_loop(_converse(task.content.session_id, prepared, state, trusted, inputs))
    except Exception as error:  # noqa: BLE001 - the process's boundary: the user is told, the log has it
        _LOG.exception("session worker failed")
        return new_result(FAILED, f"The session's process on the node failed: {type(error).__name__}.")


async def _converse(
    session_id: str,
    prepared: Prepared,
    state: StateDirectory,
    trusted: ssl.SSLContext | None,
    inputs: Mapping[str, object],
) -> SessionResult:
    endpoint = state.registration().endpoint
    async with HttpClient(endpoint, user_agent=USER_AGENT, trusted=trusted) as client:
        source = CredentialSource(state, client)

        async def open_socket() -> WebSocket:
            return await open_data_channel(client, source, session_id)

        profile = str(_members(inputs.get("shellProfile")).get("linux") or "")
        session = ShellSession(
            session_id,
            prepared,
            open_socket,
            session_limits(inputs),
            typed_first=f"{profile}\n".encode() if profile else b"",
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, session.end)
        return await session.run()


def _members(value: Any) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
