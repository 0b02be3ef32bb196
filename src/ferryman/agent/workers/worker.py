"""The session worker: one process per session, which keeps running when the agent dies.

It owns the session's program or connections and its data channel, talks to the server directly, and leaves its result
in the record.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

import msgspec

from ferryman.agent.channels import dial_data_channel
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.logs import bind, logger
from ferryman.agent.process.login_uid import audit_identity
from ferryman.agent.records import ENDED_BY_AGENT, FAILED, SessionRecord, SessionRecords, SessionResult, new_result
from ferryman.agent.session.plan import SessionRefused, members, plan
from ferryman.agent.session.session import Decrypt, Session, SessionLimits, session_limits
from ferryman.agent.session.session_handler import Plan
from ferryman.agent.settings import DEFAULT_SETTINGS, AgentSettings
from ferryman.agent.versions import USER_AGENT
from ferryman.channel.key_agreement import DataKeySealed
from ferryman.system.event_loop import run_loop
from ferryman.transport.http import HttpClient
from ferryman.transport.standby import UnopenedChannel
from ferryman.transport.trust import Trust
from ferryman.wire.tasks import InteractiveShellContent

_LOG = logger("worker")


class WorkerTask(msgspec.Struct, frozen=True):
    """The task of a worker, and the agent's configuration at that moment."""

    content: InteractiveShellContent
    settings: AgentSettings = DEFAULT_SETTINGS
    recorded: bool = True
    """The session has a record. Otherwise it could not be written anywhere, and the session runs without one."""


def run_worker(task: WorkerTask, state_directory: Path, trusted: Trust | None) -> None:
    """Run one session to its end. Called in a newly forked process with one thread."""
    session_id = task.content.session_id
    bind(session_id=session_id)
    state = StateDirectory(state_directory)
    records = SessionRecords(state.sessions)
    lock = _lock(records, session_id)
    record = records.read(session_id)
    if record is None and not task.recorded:
        record = SessionRecord(session_id, state.registration().node_id, time.time())
    if record is None or record.result is not None:
        return  # the agent has given up on the session
    record = msgspec.structs.replace(record, pid=os.getpid(), started_at=time.time())
    records.write(record)
    result = _run(task, state, trusted)
    records.write(msgspec.structs.replace(record, result=result))
    if lock is not None:
        os.close(lock)


def _lock(records: SessionRecords, session_id: str) -> int | None:
    """Lock the session; None if that fails: the next agent will not know that this worker is alive."""
    try:
        return records.lock(session_id, wait=True)
    except OSError as error:
        _LOG.error("session has no lock", reason=error.strerror)
        return None


def _run(task: WorkerTask, state: StateDirectory, trusted: Trust | None) -> SessionResult:
    try:
        planned = plan(task.content, task.settings)
        _LOG.info("session prepared", **audit_identity())
        limits = session_limits(members(task.content.document_content.get("inputs")), idles=planned.idles)
        return run_loop(_converse(task, planned, state, trusted, limits))
    except SessionRefused as error:
        return new_result(FAILED, str(error))
    except Exception as error:  # noqa: BLE001 - the process's boundary: the user gets a message, the log the details
        _LOG.exception("session worker failed")
        return new_result(FAILED, f"The session's process on the node failed: {type(error).__name__}.")


async def _converse(
    task: WorkerTask, planned: Plan, state: StateDirectory, trusted: Trust | None, limits: SessionLimits
) -> SessionResult:
    session_id = task.content.session_id
    endpoint = state.registration().endpoint
    async with HttpClient(endpoint, user_agent=USER_AGENT, trusted=trusted) as client:
        source = CredentialSource(state, client)

        async def dial() -> UnopenedChannel:
            return await dial_data_channel(client, source, session_id)

        decrypt = None if planned.encryption is None else _decrypting(session_id, client, source, task.settings)
        session = Session(session_id, planned, dial, limits, decrypt)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, session.end, FAILED, ENDED_BY_AGENT)
        return await session.run()


def _decrypting(session_id: str, client: HttpClient, source: CredentialSource, settings: AgentSettings) -> Decrypt:
    from ferryman.agent.data_keys import DataKeyFailed, DataKeys  # imported by encrypted sessions only

    keys = DataKeys(session_id, client, source, settings.kms)

    async def decrypt(sealed: DataKeySealed) -> bytes | str:
        try:
            return await keys.decrypt(sealed)
        except DataKeyFailed as failed:
            return str(failed)

    return decrypt
