"""Opens the service that use cases are called with; chooses its adapters from the configuration."""

import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.console.providers import read_providers
from ferryman.bootstrap.keys.server_keys import read_server_keys
from ferryman.model.errors import StoreUnavailable
from ferryman.model.failures import Failure
from ferryman.model.identifiers import Millis

if TYPE_CHECKING:
    from ferryman.core.service import Service, Settings


Result = TypeVar("Result")


def wall_clock() -> Millis:
    """Milliseconds since the epoch, now."""
    return Millis(time.time_ns() // 1_000_000)


def monotonic_clock() -> Millis:
    """Milliseconds since an arbitrary moment, by a clock that is never set."""
    return Millis(time.monotonic_ns() // 1_000_000)


def settings(loaded: LoadedConfiguration, *, serving: bool = False) -> "Settings":
    """Return the settings of use cases from the configuration; raises Failure if a server cannot read a secret."""
    from ferryman.core.service import AccessSettings, AuditSettings, ConsoleSettings, Limits, Settings, WatchingSettings

    server, sessions = loaded.configuration.server, loaded.configuration.sessions
    nodes, throttling = loaded.configuration.nodes, loaded.configuration.throttling
    audit, connections = loaded.configuration.audit, loaded.configuration.connections
    watching, console = loaded.configuration.watching, loaded.configuration.console
    return Settings(
        account_id=server.account_id,
        region=server.region,
        public_url=server.public_url.rstrip("/"),
        limits=Limits(
            idle_timeout_minutes=sessions.idle_timeout_minutes,
            max_duration_minutes=sessions.max_duration_minutes,
            history_days=sessions.history_days,
            waiting_sessions=sessions.waiting_per_person,
            waiting_bytes=sessions.waiting_kib_per_person * 1024,
            sessions_on_node=sessions.per_person_and_node,
            inactive_days=nodes.inactive_days,
            node_key_days=nodes.key_max_age_days,
            calls_per_second=throttling.calls_per_second,
            calls_burst=throttling.burst,
            connections_per_caller=connections.per_caller,
            connections_per_address=connections.callers_per_address,
            request_memory=connections.request_memory_mib * 1024 * 1024,
        ),
        audit=AuditSettings(audit.required, audit.agent_calls, audit.commands),
        oidc_on_loopback=loaded.configuration.oidc.allow_http_on_loopback,
        access=AccessSettings(end_sessions=loaded.configuration.access.end_sessions),
        watching=WatchingSettings(
            enabled=watching.enabled,
            announce=watching.announce,
            watchers_per_session=watching.watchers_per_session,
            sessions_per_person=watching.sessions_per_person,
            observer_grace=watching.observer_grace_seconds,
            observer_wait=watching.observer_wait_seconds,
        ),
        console=ConsoleSettings(
            enabled=console.enabled,
            path=console.path,
            public_url=(console.public_url or "").rstrip("/"),
            idle_seconds=console.idle_minutes * 60,
            session_seconds=console.session_hours * 3600,
            providers=read_providers(loaded) if serving else (),
        ),
    )


@asynccontextmanager
async def open_service(
    loaded: LoadedConfiguration, *, serving: bool = False, on_replaced: Callable[[Failure], None] = lambda _: None
) -> AsyncIterator["Service"]:
    """Open the store and the bus and yield the service; they are closed on leaving.

    `serving`: as a server, of which a store has only one unless they share a bus. `on_replaced` is called, in another
    thread, if the store lost this server's lock and another server has it now. Raises Failure if the key, the database
    or the bus cannot be used.
    """
    from ferryman.bootstrap.bus.opening import open_bus
    from ferryman.bootstrap.traces.opening import open_tracing
    from ferryman.bus.memory import MemoryBus
    from ferryman.core.ports.tracing import NO_TRACING
    from ferryman.core.service import Service
    from ferryman.core.steady_clock import SteadyClock
    from ferryman.sandbox.worker import Sandbox
    from ferryman.store.database import one_of_several, open_store, sole_server
    from ferryman.store.faults import StoreUnusable

    def lost(error: StoreUnusable) -> None:
        on_replaced(Failure(f"The server may no longer use {error.place}", error.cause, error.next_step))

    vault = read_server_keys(loaded).vault()
    with contextlib.ExitStack() as opened:
        tracing = opened.enter_context(open_tracing(loaded)) if serving else NO_TRACING
        try:
            if serving and loaded.is_one_of_several:
                opened.enter_context(one_of_several(loaded.database_url, loaded.server_name, lost))
            elif serving:
                opened.enter_context(sole_server(loaded.database_url, lost))
            store = await open_store(loaded.database_url, tracing)
        except StoreUnusable as error:
            raise Failure(f"The store {error.place} cannot be used", error.cause, error.next_step) from error
        try:
            bus = await open_bus(loaded, tracing) if serving else MemoryBus()
        except BaseException:
            await store.close()
            raise
        sandbox = Sandbox()
        try:
            shared = Service(
                settings(loaded, serving=serving),
                store,
                bus,
                vault,
                wall_clock,
                os.urandom,
                document_worker=sandbox,
                tracing=tracing,
            )
            if loaded.is_one_of_several:  # stored times are other servers', too, so no step of one clock moves them
                yield shared
            else:
                clock = SteadyClock(wall_clock, monotonic_clock)
                yield replace(shared, clock=clock, clock_steps=clock)
        finally:
            await sandbox.close()
            await bus.close()
            await store.close()


def create_tables(url: str) -> None:
    """Create the tables of an empty database; raises Failure if it has some, or cannot be used."""
    from ferryman.store.database import shown, upgrade_store
    from ferryman.store.faults import StoreUnusable
    from ferryman.store.offline.examination import examine_store

    try:
        found = examine_store(url)
        if found.schema is not None:
            raise Failure(
                f"The store {shown(url)} is in use", "it has tables of an earlier server", "Name an empty database"
            )
        upgrade_store(url)
    except StoreUnusable as error:
        raise Failure(f"The store {error.place} cannot be used", error.cause, error.next_step) from error
    except ValueError as error:
        raise Failure("The store cannot be used", str(error), "Correct the database's URL") from error


def store_failure(loaded: LoadedConfiguration, error: StoreUnavailable) -> Failure:
    """Return the Failure for a store that stopped working."""
    from ferryman.store.database import advice, shown

    url = loaded.database_url
    return Failure(f"The store {shown(url)} cannot be used", str(error), advice(url, error.state))


def with_service(loaded: LoadedConfiguration, work: Callable[["Service"], Coroutine[None, None, Result]]) -> Result:
    """Run one use case against the configured store and return its result."""
    import asyncio

    async def run() -> Result:
        async with open_service(loaded) as service:
            try:
                return await work(service)
            except StoreUnavailable as error:
                raise store_failure(loaded, error) from error

    return asyncio.run(run())
