"""Caches what a sign-in returned, readable by its owner only: credentials and the provider's refresh token."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import msgspec

from ferryman.client.calls.web_identity import SignedIn
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret
from ferryman.model.values.timestamps import iso_seconds
from ferryman.system.file_locks import lock_file
from ferryman.system.private_files import replace_private

EARLY = timedelta(minutes=15)
"""Credentials that expire sooner are renewed if that needs no person: botocore refreshes this early."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A cached sign-in. `binding` identifies the issuer, client, role and server that it is for."""

    binding: str
    arn: str
    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: datetime
    refresh_token: str | None = None

    def is_good(self, now: datetime, margin: timedelta = timedelta(0)) -> bool:
        """Whether the credentials last longer than `margin`."""
        return self.expires_at - margin > now

    @classmethod
    def of(cls, binding: str, signed_in: SignedIn, refresh_token: Secret | None) -> Self:
        """Return a sign-in as it is cached."""
        token = signed_in.credentials.session_token
        return cls(
            binding=binding,
            arn=signed_in.arn,
            access_key_id=signed_in.credentials.access_key_id,
            secret_access_key=signed_in.credentials.secret_access_key.reveal(),
            session_token="" if token is None else token.reveal(),
            expires_at=signed_in.expires_at,
            refresh_token=None if refresh_token is None else refresh_token.reveal(),
        )

    def encoded(self) -> bytes:
        """Return the file's content."""
        return msgspec.json.encode(self)

    def for_process(self) -> bytes:
        """Return the document that a `credential_process` prints."""
        return msgspec.json.encode(
            {
                "Version": 1,
                "AccessKeyId": self.access_key_id,
                "SecretAccessKey": self.secret_access_key,
                "SessionToken": self.session_token,
                "Expiration": iso_seconds(self.expires_at),
            }
        )


class LoginCache:
    """One profile's file in the user's cache directory. Each configuration file's profile of that name has its own."""

    def __init__(self, config: Path, profile: str) -> None:
        directory = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ferryman" / "login"
        digest = hashlib.sha256(f"{config.resolve()}\n{profile}".encode()).hexdigest()
        self.path = directory / f"{profile}-{digest[:16]}.json"

    def read(self, binding: str) -> Kept | None:
        """Return the sign-in that is cached for `binding`, None if there is none. Raises Failure if other users can
        open the file."""
        try:
            if self.path.stat().st_mode & 0o077:
                raise Failure(
                    f"{self.path} is open to other users", "", f"Delete it, and revoke the credentials in it: {_HELD}"
                )
            kept = msgspec.json.decode(self.path.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return kept if kept.binding == binding else None

    def write(self, kept: Kept) -> None:
        """Cache a sign-in, replacing the previous one."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_private(self.path, kept.encoded(), durable=False)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make this profile's other renewals wait: many refresh tokens work once, and a second use ends the sign-in."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_file(lock, wait=True)
            yield
        finally:
            os.close(lock)

    def forget(self) -> bool:
        """Delete the cached sign-in, after any renewal under way; return whether there was one."""
        if not self.path.exists():
            return False
        with self.alone():
            self.path.unlink(missing_ok=True)
        return True


_HELD = "credentials of a session and a refresh token"
