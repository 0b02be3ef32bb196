"""One connection to NATS: the addresses, TLS, the login, and the errors when it cannot be made."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nats.aio.client import Client
from nats.aio.transport import TcpTransport
from nats.errors import Error, SecureConnRequiredError

from ferryman.bus.faults import BusUnusable
from ferryman.bus.nats.user_credentials import UserCredentials, read_credentials
from ferryman.core.ports.bus import MESSAGE_LIMIT
from ferryman.model.failures import said_by
from ferryman.model.values.hosts import is_loopback
from ferryman.model.values.secret import Secret

ENVELOPE_BYTES = 512
"""More than an envelope adds to a payload."""
_ATTEMPT_SECONDS = 5
_BETWEEN_ATTEMPTS = 0.25
_PING_SECONDS = 2
"""A connection that is cut without a word is noticed after three times as long."""
_SOFT_PENDING = 1024 * 1024
"""Bytes waiting to be written from which on whoever publishes waits."""
_FLUSH_SECONDS = 5.0
_CLOSE_SECONDS = 1.0

ReadSecret = Callable[[], Secret]


@dataclass(frozen=True, slots=True)
class NatsOptions:
    """How to reach NATS, and as whom. Secrets are read for each attempt, so that a new one is picked up."""

    servers: tuple[str, ...]
    """URLs, `nats://HOST[:PORT]` for this machine only, `tls://HOST[:PORT]` for others, without a login."""
    prefix: str = "ferryman"
    """The first tokens of every subject."""
    user: str = ""
    password: ReadSecret | None = None
    token: ReadSecret | None = None
    credentials: ReadSecret | None = None
    """The content of a credentials file of NATS's: a JWT and the key that belongs to it."""
    ca_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def place(self) -> str:
        """Its name in messages."""
        return ", ".join(self.servers)


class _DroppedTransport(TcpTransport):
    """A connection that is dropped when it is closed, with all unwritten data.

    Otherwise one whose server has stopped reading stays until the system gives it up, which takes a quarter of an hour,
    and the client waits for that before it connects again.
    """

    def __bool__(self) -> bool:
        return True  # the client replaces one that is false

    def close(self) -> None:
        """Drop the connection."""
        if self._io_writer is not None:
            self._io_writer.transport.abort()


class _GuardedClient(Client):
    """Says nothing to a server in the clear, unless it is on this machine and was not to have TLS."""

    def __init__(self, options: NatsOptions) -> None:
        super().__init__()
        self._login = options
        self._transport = _DroppedTransport()  # type: ignore[no-untyped-call]

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Read what a server says about itself, but not about others: the first time it is in the clear, also with TLS.

        Whoever forged it could otherwise name a server of their own, with a good certificate, and receive the login.
        """
        if not isinstance(info, dict):
            raise Error("its greeting is not an object")
        known = {name: value for name, value in info.items() if name != "connect_urls"}
        await super()._process_info(known, initial_connection)

    async def _process_connect_init(self) -> None:
        """Log in. Whatever the server sends, raise only errors after which the library tries again.

        Errors of other kinds, as from a malformed greeting, would end its attempts for good. So does, without an error,
        a line that comes before the answer to the login.
        """
        try:
            await super()._process_connect_init()
            if not self.is_connected:
                raise Error("it did not answer the login")
            if not isinstance(self.max_payload, int):
                raise Error("its greeting is malformed")
        except BaseException as error:
            self._abandon()
            if not isinstance(error, Exception) or isinstance(error, OSError | Error | TimeoutError):
                raise
            raise Error(f"its greeting is malformed: {said_by(error)}") from error

    async def _flush_pending(self, force_flush: bool = False) -> None:
        """Write pending data, and allow cancellation: the library swallows it, so that timeouts have no effect."""
        flushing = super()._flush_pending(force_flush)
        await (asyncio.shield(asyncio.create_task(flushing)) if force_flush else flushing)

    async def close(self) -> None:
        """Disconnect for good, after at most `_CLOSE_SECONDS` in which NATS may read pending data."""
        if self.is_connected:
            with contextlib.suppress(Error, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._flush_pending(force_flush=True)
                    await self.flush()
        await super().close()
        self._abandon()  # of an attempt that was cancelled: the library takes the client for closed
        await asyncio.sleep(0)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        """Disconnect. The library would first wait until everything is written, for a server that reads no longer."""
        self._pending.clear()
        self._pending_data_size = 0
        await super()._close(status, do_cbs)

    def _abandon(self) -> None:
        """Drop the connection of an attempt that failed, which the library would leave open."""
        for task in (self._reading_task, self._ping_interval_task, self._flusher_task):
            if task is not None:
                task.cancel()
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]

    def _connect_command(self) -> bytes:
        """Return the command that logs in; it is sent next, after the TLS handshake if there was one.

        The client only does a handshake if the server asks for it, whatever the URL says.
        """
        server = self._current_server
        clear = server is not None and server.uri.scheme == "nats" and is_loopback(server.uri.hostname or "")
        if not clear and not self._server_info.get("tls_required"):
            raise SecureConnRequiredError
        try:
            self._read_login()
            return super()._connect_command()
        except Exception as error:
            raise Error(said_by(error)) from error  # of another kind it would end the attempts

    def _read_login(self) -> None:
        login = self._login
        if login.password is not None:
            self.options["user"], self.options["password"] = login.user, login.password().reveal()
        if login.token is not None:
            self.options["token"] = login.token().reveal()
        if login.credentials is not None:
            found: UserCredentials = read_credentials(login.credentials().reveal())
            self._user_jwt_cb, self._signature_cb = found.jwt, found.sign


def lets_anybody_in(client: Client) -> bool:
    """Return whether NATS asks whoever reaches it for neither a login nor a certificate."""
    info = client._server_info
    return not (info.get("auth_required") or info.get("tls_verify"))


@dataclass(slots=True)
class Events:
    """The events of an open client: errors, the connection's loss and return, and that the client has given up for
    good, which NATS can make it do."""

    on_error: Callable[[Exception], Awaitable[None]]
    on_lost: Callable[[], Awaitable[None]]
    on_back: Callable[[], Awaitable[None]]
    on_closed: Callable[[], Awaitable[None]]


class _Opening:
    """Hides what happens before the client is open from its user, and knows when trying again is useless."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self.opened = False
        self.last: Exception = TimeoutError("it does not answer")
        self.refused = asyncio.Event()

    async def errored(self, error: Exception) -> None:
        if self.opened:
            await self._events.on_error(error)
            return
        if not self.refused.is_set():  # what follows a refusal is only that the connection is closed
            self.last = error
        if _is_final(error):
            self.refused.set()

    async def lost(self) -> None:
        if self.opened:
            await self._events.on_lost()

    async def closed(self) -> None:
        if self.opened:
            await self._events.on_closed()


async def open_connection(options: NatsOptions, seconds: float, events: Events) -> Client:
    """Return a client that is connected, and connects again by itself whenever it is not.

    Tries for `seconds`, except when the login or the certificate is refused. Raises `BusUnusable`.
    """
    client, opening = _GuardedClient(options), _Opening(events)
    connecting = asyncio.create_task(
        client.connect(
            list(options.servers),
            name="ferryman",
            error_cb=opening.errored,
            disconnected_cb=opening.lost,
            reconnected_cb=events.on_back,
            closed_cb=opening.closed,
            connect_timeout=_ATTEMPT_SECONDS,
            reconnect_time_wait=_BETWEEN_ATTEMPTS,  # type: ignore[arg-type] # it sleeps for so long
            max_reconnect_attempts=-1,
            ping_interval=_PING_SECONDS,
            max_outstanding_pings=2,
            pending_size=_SOFT_PENDING,
            flush_timeout=_FLUSH_SECONDS,
            tls=_tls(options),
        )
    )
    refusal = asyncio.create_task(opening.refused.wait())
    try:
        await asyncio.wait({connecting, refusal}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            raise _unusable(options, opening.last)
        if error := connecting.exception():
            raise _unusable(options, error)
        if client.max_payload < MESSAGE_LIMIT + ENVELOPE_BYTES:
            cause = f"it accepts messages of up to {client.max_payload} bytes"
            raise BusUnusable(options.place, cause, "Set max_payload in NATS's configuration to 1MB, its default")
        opening.opened = True
        return client
    finally:
        refusal.cancel()
        connecting.cancel()
        await asyncio.gather(refusal, connecting, return_exceptions=True)
        if not opening.opened:
            await client.close()


def _tls(options: NatsOptions) -> ssl.SSLContext | None:
    if not any(server.startswith("tls:") for server in options.servers):
        return None
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.certificate is not None:
            context.load_cert_chain(options.certificate, options.key)
    except (OSError, ValueError) as error:
        advice = "Check bus.ca_file, bus.certificate and bus.key: each must be a PEM file"
        raise BusUnusable(options.place, f"a file for TLS cannot be used: {said_by(error)}", advice) from error
    return context


def _is_final(error: BaseException) -> bool:
    return isinstance(error, ssl.SSLError | SecureConnRequiredError) or "authorization" in str(error).lower()


def _unusable(options: NatsOptions, error: BaseException) -> BusUnusable:
    if isinstance(error, SecureConnRequiredError):
        cause, advice = "it does not offer TLS", "Configure TLS in NATS; only NATS on this machine may be without"
    elif isinstance(error, ssl.SSLError):
        cause = f"TLS failed: {said_by(error)}"
        advice = "Name NATS's authority in bus.ca_file, and in bus.url a host that its certificate names"
    elif "authorization" in str(error).lower():
        cause = "it refuses the login"
        advice = "Check bus.user, and the password, token or credentials that the configuration names"
    else:
        cause, advice = said_by(error) or "it does not answer", "Start NATS, or correct bus.url"
    return BusUnusable(options.place, cause, advice)
