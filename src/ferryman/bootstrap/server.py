"""Runs the server that a configuration describes, until a signal stops it."""

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ferryman.bootstrap.access.notices import open_notices
from ferryman.bootstrap.audit.trail import open_trail
from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.discovery import describe_server
from ferryman.bootstrap.keys.certificate_files import renew_certificate
from ferryman.bootstrap.provider_documents import open_provider_documents
from ferryman.bootstrap.recordings.recorder import open_recorder
from ferryman.bootstrap.service import open_service, store_failure
from ferryman.bootstrap.shutdown import Shutdown, handle_signals
from ferryman.model.errors import StoreUnavailable
from ferryman.model.failures import Failure
from ferryman.system.core_dumps import forbid_core_dumps
from ferryman.system.service_manager import READY, STOPPING, ServiceManager

if TYPE_CHECKING:
    from ferryman.server.listener.certificate import ServerCertificate


async def run_server(loaded: LoadedConfiguration, on_ready: Callable[[], None] = lambda: None) -> None:
    """Run the server until SIGTERM or Ctrl-C; a second one ends its draining.

    `on_ready` is called when it accepts connections. Raises Failure if it cannot start, another server has taken its
    place in the store, or its keys can no longer be read.
    """
    from ferryman.bootstrap.garbage_collection import collect_garbage
    from ferryman.server.http.discovery import Discovery
    from ferryman.server.http.forwarded import ProxyHeader, TrustedProxies
    from ferryman.server.listener.unauthenticated import UnauthenticatedLimits
    from ferryman.server.serving import serve

    certificate = server_certificate(loaded)
    discovery = Discovery(lambda: describe_server(loaded)) if loaded.configuration.login.discovery else None
    shutdown, reload_requested = Shutdown(), asyncio.Event()

    def reload() -> None:
        reload_requested.set()
        if certificate is not None:
            certificate.reload()
        if discovery is not None:
            discovery.reload()

    handle_signals(shutdown, reload)
    _allow_open_files()
    forbid_core_dumps()
    manager = ServiceManager.of_this_process()
    background: list[asyncio.Task[None]] = []

    def ready(_port: int) -> None:
        background.append(asyncio.create_task(collect_garbage()))
        background.append(asyncio.create_task(manager.keep_alive()))
        background.append(asyncio.create_task(_announce_stop(manager, shutdown.stop)))
        manager.notify(READY)
        on_ready()

    host, port = loaded.listen_address
    counted = loaded.configuration.connections
    async with (
        open_service(loaded, serving=True, on_replaced=shutdown.end_because) as with_store,
        open_trail(loaded, with_store, reload_requested, shutdown.end_because) as with_trail,
        open_provider_documents(loaded, with_trail) as with_documents,
        open_notices(loaded, with_documents) as with_notices,
        open_recorder(loaded, with_notices) as service,
    ):
        with _explained_failures(loaded):
            await serve(
                service,
                host,
                port,
                certificate=certificate,
                unauthenticated=UnauthenticatedLimits(
                    counted.newcomers_per_address, [*counted.networks(), *counted.proxies()]
                ),
                proxies=TrustedProxies(counted.proxies(), ProxyHeader(counted.proxy_header)),
                discovery=discovery,
                ready=ready,
                stop=shutdown.stop,
                drain_seconds=loaded.configuration.server.drain_seconds,
                hurry=shutdown.hurry,
                metrics=loaded.metrics_address,
                console=loaded.console_address,
            )
    if shutdown.failure is not None:
        raise shutdown.failure


@contextmanager
def _explained_failures(loaded: LoadedConfiguration) -> Iterator[None]:
    """Raise what ends the server as Failure: the store is gone, or an address cannot be bound."""
    try:
        yield
    except StoreUnavailable as error:
        raise store_failure(loaded, error) from error
    except OSError as error:
        own = loaded.configuration.console.listen if loaded.console_address else None
        settings = "server.listen" if own is None else "server.listen or console.listen"
        raise Failure(
            f"The server cannot listen on {' or '.join(filter(None, (loaded.configuration.server.listen, own)))}",
            error.strerror or str(error),
            f"Stop whatever uses the port, or change {settings}",
        ) from error


async def _announce_stop(manager: ServiceManager, stop: asyncio.Event) -> None:
    await stop.wait()
    manager.notify(STOPPING)


def server_certificate(loaded: LoadedConfiguration) -> "ServerCertificate | None":
    """Return the server's certificate; None without one. Raises Failure if it cannot be used."""
    from ferryman.server.listener.certificate import ServerCertificate

    tls = loaded.configuration.server.tls
    if tls is None:
        return None
    certificate, key = loaded.path(tls.certificate), loaded.path(tls.key)
    renew = (lambda: renew_certificate(loaded, datetime.now(UTC))) if tls.authority else None
    try:
        return ServerCertificate(certificate, key, renew)
    except (OSError, ValueError) as error:
        raise Failure(
            f"The certificate {certificate} with key {key} cannot be used",
            str(error),
            "Check that both files are PEM and that the key belongs to the certificate",
        ) from error


def _allow_open_files() -> None:
    """Raise the soft limit to the hard one: the default, 1024, is meant for programs that call select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
