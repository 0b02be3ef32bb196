"""The local address of a forwarded port: listens immediately, or raises an error that says why it cannot."""

import asyncio
import contextlib
import errno
import os
import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ferryman.client.plugin.session_handler import CannotRun

LOOPBACK = "127.0.0.1"
BACKLOG = 1024
HIGHEST_PORT = 65535
_PORT = re.compile(r"[0-9]{1,5}")
OWNER_ONLY = 0o177


class Listener:
    """A listening socket, TCP on the loopback interface or unix, as the session document's properties say.

    `localConnectionType` `unix` listens on the path `localUnixSocket`, to which only the same user may connect;
    anything else on the port `localPortNumber`, empty or 0 for any free one. Raises `CannotRun`.
    """

    def __init__(self, properties: Mapping[str, Any]) -> None:
        self._path: Path | None = None
        if properties.get("localConnectionType") == "unix":
            self._path = Path(str(properties.get("localUnixSocket") or ""))
            self.socket = _unix(self._path)
            self.name = f"Unix socket {self._path}"
            self._inode = _inode(self._path)
        else:
            self.socket = _tcp(str(properties.get("localPortNumber") or "0"))
            self.name = f"Port {self.socket.getsockname()[1]}"
        self.socket.setblocking(False)

    async def serve(self, make_protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        """Return a server that accepts every connection; close it before the listener."""
        loop = asyncio.get_running_loop()
        if self._path is None:
            return await loop.create_server(make_protocol, sock=self.socket)
        return await loop.create_unix_server(make_protocol, sock=self.socket)

    def close(self) -> None:
        """Stop listening and leave no socket file behind; idempotent."""
        self.socket.close()
        if self._path is not None and _inode(self._path) == self._inode:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None


def _tcp(port: str) -> socket.socket:
    if not (_PORT.fullmatch(port) and int(port) <= HIGHEST_PORT):
        raise CannotRun(f"localPortNumber must be a number from 0 to {HIGHEST_PORT}, not {port[:40]!r}")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return _listening(listening, (LOOPBACK, int(port)), f"listen tcp {LOOPBACK}:{port}")


def _unix(path: Path) -> socket.socket:
    if not path.name:
        raise CannotRun("localUnixSocket must be the path of a socket")
    if not hasattr(socket, "AF_UNIX"):
        raise CannotRun("localUnixSocket: this system has no Unix sockets; use localPortNumber")
    _remove_left_over(path)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    umask = os.umask(OWNER_ONLY)
    try:
        return _listening(listening, str(path), f"listen unix {path}")
    finally:
        os.umask(umask)


def _listening(listening: socket.socket, address: Any, name: str) -> socket.socket:
    try:
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        cause = "bind: address already in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise CannotRun(f"{name}: {cause}") from error
    return listening


def _remove_left_over(path: Path) -> None:
    """Remove a socket file on which nobody listens: AWS's client leaves such files behind."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            return  # bind will report what is wrong


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None
