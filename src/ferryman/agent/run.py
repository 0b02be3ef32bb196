"""The agent process: one per state directory. Connects the control channel, the sessions and the worker pool."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from ferryman.agent.control_channel import ControlChannel
from ferryman.agent.identity.credentials import CredentialSource
from ferryman.agent.identity.faults import Deregistered, StateUnusable
from ferryman.agent.identity.server_trust import server_trust
from ferryman.agent.identity.state import StateDirectory
from ferryman.agent.logs import DEFAULT_LOGS, LogSettings, logger
from ferryman.agent.outbox import Outbox
from ferryman.agent.process.accounts import named_account, require_switchable
from ferryman.agent.process.ssm_user import SSM_USER, ensure_ssm_user
from ferryman.agent.records import SessionRecord, SessionRecords, open_lock
from ferryman.agent.sessions import Sessions
from ferryman.agent.settings import AgentSettings, read_settings
from ferryman.agent.ssh_keys.keys import SshKeys
from ferryman.agent.versions import USER_AGENT
from ferryman.agent.workers.pool import WorkerPool
from ferryman.agent.workers.zygote import ForkedZygote
from ferryman.model.errors import ServiceError
from ferryman.system.service_manager import READY, STOPPING, ServiceManager
from ferryman.transport.errors import Unreachable
from ferryman.transport.http import HttpClient

END_SECONDS = 10.0
CONFIRM_SECONDS = 2.0
RENEW_AGAIN_SECONDS = 30.0
_LOG = logger("run")


async def run_agent(
    state_dir: Path,
    *,
    run_as: str | None = None,
    zygote: ForkedZygote | None = None,
    logs: LogSettings = DEFAULT_LOGS,
    on_connected: Callable[[], None] = lambda: None,
) -> None:
    """Serve the node registered in `state_dir` until SIGTERM, SIGINT or SIGHUP; then end its sessions and return.

    SIGUSR1 returns and leaves the sessions running for the next agent, as a crash does. `run_as` is the account for
    sessions whose document sets none; it overrides `agent.toml`, and without either the agent's own account is used.
    `on_connected` is called whenever the control channel has opened. Raises `StateUnusable`, `AccountRefused`,
    `WorkerUnavailable`, and `Deregistered` if the server no longer knows the node.
    """
    state = StateDirectory(state_dir)
    settings = _resolve_account(read_settings(state.path), run_as)
    registration = state.registration()
    state.require_this_machine()
    state.create()
    state.record_machine()
    trusted = server_trust(registration.endpoint, registration.ca_file)
    with _only_agent(state), _signals() as stop:
        async with HttpClient(registration.endpoint, user_agent=USER_AGENT, trusted=trusted) as client:
            pool = WorkerPool(state.path, zygote, logs)
            await _Agent(state, client, settings, pool, on_connected).run(stop)


def _resolve_account(settings: AgentSettings, run_as: str | None) -> AgentSettings:
    """Return the settings with the account that sessions run as, after checking that it can be used."""
    account = run_as or settings.run_as
    if account is None and settings.ssm_user:
        ensure_ssm_user(sudo=settings.ssm_user_sudo)
        account = SSM_USER
    if account is not None:
        require_switchable(named_account(account))
    return msgspec.structs.replace(settings, run_as=account, ssm_user=False)


class _Agent:
    """The parts of one run of the agent."""

    def __init__(
        self,
        state: StateDirectory,
        client: HttpClient,
        settings: AgentSettings,
        pool: WorkerPool,
        on_connected: Callable[[], None],
    ) -> None:
        self._source = CredentialSource(state, client)
        self._outbox = Outbox()
        self._is_deregistered = asyncio.Event()
        self._control = ControlChannel(
            client,
            self._source,
            self._outbox,
            SshKeys(state.path),
            on_connected,
            on_deregistered=self._is_deregistered.set,
        )
        self._pool = pool
        self._sessions = Sessions(
            state.registration().node_id, SessionRecords(state.sessions), self._pool, self._report, settings
        )

    async def run(self, stop: "asyncio.Future[bool]") -> None:
        """Run until `stop` is set; True also ends the sessions. Raises `Deregistered` after it has ended them."""
        manager = ServiceManager.of_this_process()  # before the pool forks
        self._sessions.adopt()
        try:
            await self._pool.start()
            manager.notify(READY)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(step)
                    for step in (
                        self._control.run(self._sessions),
                        self._control.keep_informed(),
                        _keep_credentials(self._source),
                    )
                ]
                end_sessions = await self._stopped(stop)
                manager.notify(STOPPING)
                if end_sessions:
                    await self._end_sessions()
                for task in tasks:
                    task.cancel()
        finally:
            self._sessions.close()
            await self._pool.close()
        if self._is_deregistered.is_set():
            raise Deregistered

    async def _stopped(self, stop: "asyncio.Future[bool]") -> bool:
        """Wait for `stop`, or until the node is deregistered; return whether the sessions are to end."""
        deregistered = asyncio.create_task(self._is_deregistered.wait())
        waited: set[asyncio.Future[Any]] = {stop, deregistered}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        deregistered.cancel()
        return not stop.done() or stop.result()

    def _report(self, record: SessionRecord) -> None:
        self._outbox.add(record)
        self._control.wake()

    async def _end_sessions(self) -> None:
        """End all sessions and give the server a moment to confirm; the next agent reports what it does not confirm."""
        if len(self._sessions) == 0 and len(self._outbox) == 0:
            return
        await self._sessions.end_all(END_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_SECONDS):
                await self._outbox.emptied()


async def _keep_credentials(source: CredentialSource) -> None:
    """Renew the credentials at half of their lifetime, even while idle; replace the key when the server asks."""
    while True:
        try:
            credentials = await source.current()
            if source.key_is_old:
                await _update_key(source)
            await asyncio.sleep(source.seconds_until(credentials.refresh_at))
            await source.renew()
        except (Unreachable, ServiceError) as error:
            _LOG.warning("credentials not renewed", reason=str(error))
            await asyncio.sleep(RENEW_AGAIN_SECONDS)


async def _update_key(source: CredentialSource) -> None:
    try:
        await source.update_key()
    except StateUnusable as error:  # the server asks again with the next credentials
        _LOG.warning("key not replaced", reason=str(error))
    else:
        _LOG.info("node key replaced")


@contextlib.contextmanager
def _only_agent(state: StateDirectory) -> Iterator[None]:
    """Hold the state directory's lock; raises `StateUnusable` when another agent does."""
    try:
        descriptor = open_lock(state.lock_file)
    except OSError:  # it cannot be created: lock the directory itself
        descriptor = os.open(state.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StateUnusable(f"another agent is running on {state.path}") from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _signals() -> "Iterator[asyncio.Future[bool]]":
    """Turn signals into a future: True to end the sessions, False to leave them to the next agent."""
    loop = asyncio.get_running_loop()
    stop: asyncio.Future[bool] = loop.create_future()

    def decide(end_sessions: bool) -> None:
        if not stop.done():
            stop.set_result(end_sessions)

    ending = {signal.SIGTERM: True, signal.SIGINT: True, signal.SIGHUP: True, signal.SIGUSR1: False}
    for number, end_sessions in ending.items():
        loop.add_signal_handler(number, decide, end_sessions)
    try:
        yield stop
    finally:
        for number in ending:
            loop.remove_signal_handler(number)
