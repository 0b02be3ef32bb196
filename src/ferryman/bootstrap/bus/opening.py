"""Opens the bus that the configuration names, and checks that it could be opened."""

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ferryman.bootstrap.configuration import LoadedConfiguration
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.core.ports.bus import Bus
from ferryman.core.ports.tracing import NO_TRACING, Tracing
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret

if TYPE_CHECKING:
    from ferryman.bus.nats.bus import NatsBus
    from ferryman.bus.nats.connection import NatsOptions, ReadSecret

CHECK_SECONDS = 3.0


class ClosableBus(Bus, Protocol):
    """A bus that its opener can close."""

    async def close(self) -> None:
        """Disconnect; idempotent."""


async def open_bus(loaded: LoadedConfiguration, tracing: Tracing = NO_TRACING) -> ClosableBus:
    """Return the bus of a server, which is traced; raises Failure if NATS cannot be reached."""
    if not loaded.configuration.bus.servers:
        from ferryman.bus.memory import MemoryBus

        return MemoryBus(tracing)
    return await _open_nats(nats_options(loaded), None, tracing)


def check_bus(loaded: LoadedConfiguration) -> str:
    """Return how servers reach each other; raises Failure if they could not. Connects to NATS for a moment."""
    import asyncio

    options = nats_options(loaded)

    async def connect() -> bool:
        bus = await _open_nats(options, CHECK_SECONDS)
        try:
            return bus.lets_anybody_in
        finally:
            await bus.close()

    found = f"NATS at {options.place} can be reached"
    return f"{found} without a login, by anybody: see bus.credentials_file" if asyncio.run(connect()) else found


def nats_options(loaded: LoadedConfiguration) -> "NatsOptions":
    """Return how to reach NATS; raises Failure if a secret's file cannot be read, or others could read it."""
    from ferryman.bus.nats.connection import NatsOptions

    bus = loaded.configuration.bus

    def reader(setting: str, file: str | None) -> "ReadSecret | None":
        if file is None:
            return None
        path = loaded.path(file)

        def read() -> Secret:
            content = read_secret(path, f"The file of bus.{setting}", f"Correct bus.{setting}")
            return Secret(content.decode(errors="replace").strip())

        read()
        return read

    def file(name: str | None) -> Path | None:
        return None if name is None else loaded.path(name)

    return NatsOptions(
        bus.servers,
        bus.subject_prefix,
        bus.user or "",
        reader("password_file", bus.password_file),
        reader("token_file", bus.token_file),
        reader("credentials_file", bus.credentials_file),
        file(bus.ca_file),
        file(bus.certificate),
        file(bus.key),
    )


async def _open_nats(options: "NatsOptions", seconds: float | None, tracing: Tracing = NO_TRACING) -> "NatsBus":
    from ferryman.bus.faults import BusUnusable
    from ferryman.bus.nats.bus import open_nats
    from ferryman.bus.nats.link import OPEN_SECONDS

    try:
        return await open_nats(options, OPEN_SECONDS if seconds is None else seconds, tracing)
    except BusUnusable as error:
        raise Failure(f"The bus {error.place} cannot be used", error.cause, error.next_step) from error
