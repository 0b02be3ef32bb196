"""`ferryman server`."""

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.server import run_server
from ferryman.cli.options import DEFAULT_CONFIG, ConfigOption


def command(*, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the server until SIGTERM or Ctrl-C. Sessions resume when you start it again.

    On SIGHUP it reads its certificate and keys again.
    """
    import uvloop

    from ferryman.cli import logs

    loaded = load(config)
    log = logs.configure(loaded.configuration.log.level, loaded.configuration.log.format)
    try:
        uvloop.run(run_server(loaded))
    finally:
        log.drain()
