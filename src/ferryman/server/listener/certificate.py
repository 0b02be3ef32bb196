"""The server's certificate and key: read at the start, and again when their files change, without a restart.

Every connection gets the newest usable pair and keeps it. A pair that cannot be used, for example because only half of
it has been written, is ignored until it can.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509

WATCH_SECONDS = 10.0
"""Seconds between two checks of the files."""
EXPIRING = timedelta(days=30)
"""A certificate that expires sooner is renewed if the server can do that; otherwise the log warns."""
_RENEW_AGAIN = timedelta(hours=1)
_WARN_AGAIN = timedelta(days=1)
_IMMEDIATELY = datetime.min.replace(tzinfo=UTC)

_log = structlog.get_logger("ferryman.server.certificate")


@dataclass(frozen=True, slots=True)
class Pair:
    """A usable certificate and key. `expires` is aware, UTC, of the server's own certificate."""

    context: ssl.SSLContext
    expires: datetime


def read_pair(certificate: Path, key: Path) -> Pair:
    """Read PEM files: the server's certificate with its chain, and its key without a passphrase.

    Raises OSError (`ssl.SSLError` is one) and ValueError if they cannot be read or do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    # The callable keeps OpenSSL from asking the terminal.
    context.load_cert_chain(certificate, key, password=_no_passphrase)
    return Pair(context, x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc)


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase")


class ServerCertificate:
    """The pair in use, and its files. Raises as `read_pair` if they cannot be used at the start.

    `now` returns the wall-clock time, aware. `renew` replaces the files; it is called in a thread when the certificate
    is about to expire, and again an hour after it failed.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        renew: Callable[[], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._files = (certificate, key)
        self._renew = renew
        self._now = now
        self._seen = self._look()
        self._pair = read_pair(certificate, key)
        self._refused = ""
        self._wanted = asyncio.Event()
        self._renew_at = self._warn_at = _IMMEDIATELY

    @property
    def expires(self) -> datetime:
        """When the certificate in use expires; aware, UTC."""
        return self._pair.expires

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context for the next connection."""
        return self._pair.context

    def reload(self) -> None:
        """Make `watch` read the files now, even if they look unchanged."""
        self._wanted.set()

    async def watch(self) -> None:
        """Check the files forever. At most one `watch` may run."""
        while True:
            wanted = self._wanted.is_set()
            self._wanted.clear()
            await self.look(force=wanted)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH_SECONDS):
                    await self._wanted.wait()

    async def look(self, *, force: bool = False) -> None:
        """Use a new pair if the files have changed, or unconditionally with `force`; log what is wrong with it."""
        await self._renew_in_time()
        seen = await asyncio.to_thread(self._look)
        # A pair that was refused is tried again: the rest may be written within one tick of the file system's clock.
        if force or self._refused or seen != self._seen:
            await self._load(seen)
        self._warn()

    async def _renew_in_time(self) -> None:
        now = self._now()
        if self._renew is None or self.expires - now >= EXPIRING or now < self._renew_at:
            return
        self._renew_at = now + _RENEW_AGAIN
        try:
            await asyncio.to_thread(self._renew)
        except Exception as error:  # noqa: BLE001 boundary: the certificate is still valid for now
            _log.error("certificate not renewed", certificate=str(self._files[0]), reason=str(error))

    async def _load(self, seen: object) -> None:
        try:
            pair = await asyncio.to_thread(read_pair, *self._files)
            if pair.expires <= self._now():
                raise ValueError(f"it expired on {pair.expires:%Y-%m-%d}")
        except (OSError, ValueError) as error:
            self._refuse(str(error))
            return
        self._pair, self._seen, self._refused = pair, seen, ""
        self._renew_at = self._warn_at = _IMMEDIATELY
        _log.info("certificate loaded", certificate=str(self._files[0]), expires=f"{pair.expires:%Y-%m-%d}")

    def _refuse(self, reason: str) -> None:
        if reason != self._refused:
            self._refused = reason
            _log.error("certificate not loaded", certificate=str(self._files[0]), reason=reason)

    def _warn(self) -> None:
        now = self._now()
        if self.expires - now < EXPIRING and now >= self._warn_at:
            self._warn_at = now + _WARN_AGAIN
            _log.warning(
                "certificate expires", certificate=str(self._files[0]), expires=f"{self.expires:%Y-%m-%d %H:%M}"
            )

    def _look(self) -> object:
        """Return a value that changes when a file does; links are followed, because renewal tools replace links."""
        return [_identity(path) for path in self._files]


def _identity(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        return error.errno
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
