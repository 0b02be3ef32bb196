"""`ferryman server`."""

import asyncio
import resource
import signal
import ssl

from ferryman.cli.composition import DEFAULT_CONFIG, ConfigOption, open_service
from ferryman.cli.configuration import Located, load
from ferryman.model.failures import Failure


def command(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the server until SIGTERM or Ctrl-C; sessions resume when it is started again."""
    import uvloop

    from ferryman.cli import logs

    located = load(config)
    logs.configure(located.configuration.log.level, located.configuration.log.format)
    uvloop.run(_serve(located))


async def _serve(located: Located) -> None:
    import structlog

    from ferryman.server.newcomers import Newcomers
    from ferryman.server.serving import serve

    log = structlog.get_logger("ferryman.server")
    host, port = located.listen_address
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def ready(bound: int) -> None:
        log.info("listening", host=host, port=bound, public_url=located.configuration.server.public_url)

    _allow_open_files()
    context = tls_context(located)
    counted = located.configuration.connections
    async with open_service(located) as service:
        try:
            await serve(
                service,
                host,
                port,
                tls=(lambda: context) if context else None,
                newcomers=Newcomers(counted.newcomers_per_address, counted.networks()),
                ready=ready,
                stop=stop,
            )
        except OSError as error:
            raise Failure(
                f"The server cannot listen on {located.configuration.server.listen}",
                error.strerror or str(error),
                "Stop what uses the port, or change server.listen",
            ) from error


def _allow_open_files() -> None:
    """Raise the soft limit to the hard one: the default, 1024, is one for programs that call select()."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def tls_context(located: Located) -> ssl.SSLContext | None:
    """Load the server's certificate; None without one. Raises Failure if it cannot be used."""
    tls = located.configuration.server.tls
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate, key = located.path(tls.certificate), located.path(tls.key)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise Failure(
            f"The certificate {certificate} with key {key} cannot be used",
            str(error),
            "Check that both files are PEM and belong together",
        ) from error
    return context
