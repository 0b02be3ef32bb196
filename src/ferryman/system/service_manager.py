"""Tells systemd, or another service manager that sets NOTIFY_SOCKET, how far the process is (sd_notify(3))."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Self

READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"


class ServiceManager:
    """Where to send states; without an `address` nobody asked for them, and nothing is sent.

    `watchdog_seconds`: the manager ends this process if `ALIVE` does not arrive within that time; None: it does not.
    """

    def __init__(self, address: str = "", watchdog_seconds: float | None = None) -> None:
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog_seconds = watchdog_seconds

    @classmethod
    def of_this_process(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return what the environment names, and remove it from there, so that no child process speaks for us."""
        address, microseconds = environment.get("NOTIFY_SOCKET", ""), environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID") in (None, str(os.getpid()))
        for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
            os.environ.pop(name, None)
        return cls(address, int(microseconds) / 1e6 if ours and microseconds.isdecimal() else None)

    def notify(self, state: str) -> None:
        """Send a state. Does nothing if it cannot be sent: a service must not fail because its manager is gone."""
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
            to.setblocking(False)
            to.sendto(state.encode(), self._address)

    async def keep_alive(self) -> None:
        """Send `ALIVE` three times as often as necessary, until cancelled; return if nobody watches."""
        if not self._address or not self.watchdog_seconds:
            return
        while True:
            self.notify(ALIVE)
            await asyncio.sleep(self.watchdog_seconds / 3)
