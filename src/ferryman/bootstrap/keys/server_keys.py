"""The server's keys: where they are read from, how they are written down, and how they are changed.

The text has one entry per line (or between commas): a key in base64. The first encrypts, all decrypt. A key that was
replaced is followed by a space and the time. A retired key leaves only the keys that verify the trail: `audit:` and the
key of its chain, and a line `ferryman-audit …` with the public key of its checkpoints.
"""

import base64
import binascii
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ferryman.bootstrap.configuration import KEY_BYTES, LoadedConfiguration
from ferryman.bootstrap.keys.secret_files import read_secret
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.core.audit.checkpoints import PublicKey
    from ferryman.core.vault import Vault

VARIABLE = "FERRYMAN_SERVER_KEY"
CREDENTIAL = "server.key"
"""The name of systemd's credential (`LoadCredential=`) that has the keys."""
COMMAND_SECONDS = 30.0
KEPT_AFTER = timedelta(hours=36)
"""Everything that a key has encrypted for callers has expired by then: temporary credentials live longest."""
_AUDIT, _PUBLIC = "audit:", "ferryman-audit "


@dataclass(frozen=True, slots=True)
class ServerKeys:
    """`keys`, the encrypting one first; `replaced` is when each stopped encrypting, None if it has not.

    Of retired keys, `audit_only` are the keys of the audit trail's chain, `public_only` those that verify checkpoints.
    """

    keys: tuple[bytes, ...]
    replaced: tuple[datetime | None, ...]
    audit_only: tuple[bytes, ...] = ()
    public_only: tuple["PublicKey", ...] = ()

    def vault(self) -> "Vault":
        """Return a vault of these keys."""
        from ferryman.core.vault import Vault

        return Vault(self.keys[0], os.urandom, self.keys[1:])

    def staged(self, key: bytes) -> "ServerKeys":
        """Return these keys and another that only decrypts so far."""
        return replace(self, keys=(*self.keys, key), replaced=(*self.replaced, None))

    def rotated(self, key: bytes, now: datetime) -> "ServerKeys":
        """Return these keys with `key`, new or staged, as the one that encrypts."""
        others = [(each, since) for each, since in zip(self.keys, self.replaced, strict=True) if each != key]
        stamped = [(each, now if each == self.keys[0] else since) for each, since in others]
        ordered = [(key, None), *stamped]
        return replace(self, keys=tuple(each for each, _ in ordered), replaced=tuple(since for _, since in ordered))

    @property
    def waiting(self) -> bytes | None:
        """The staged key that does not encrypt yet, None if there is none."""
        later = zip(self.keys[1:], self.replaced[1:], strict=True)
        return next((key for key, since in later if since is None), None)

    def without(self, retired: set[bytes]) -> "ServerKeys":
        """Return these keys without `retired`, which from now on only verify the audit trail."""
        from ferryman.core.audit.chain import PURPOSE
        from ferryman.core.vault import ServerKey

        kept = [(key, since) for key, since in zip(self.keys, self.replaced, strict=True) if key not in retired]
        derived = tuple(ServerKey(key).derive(PURPOSE) for key in self.keys if key in retired)
        public = self._public_keys(zip(self.keys, self.replaced, strict=True), retired)
        return ServerKeys(
            tuple(key for key, _ in kept),
            tuple(since for _, since in kept),
            (*self.audit_only, *derived),
            (*self.public_only, *public),
        )

    def public_keys(self) -> list["PublicKey"]:
        """Return the public keys that verify the audit trail's checkpoints, the current one first."""
        from ferryman.core.audit.checkpoints import in_order

        signing = [(key, since) for key, since in zip(self.keys, self.replaced, strict=True) if since is not None]
        current = (self.keys[0], None)
        return in_order([*self._public_keys([current, *signing], set(self.keys)), *self.public_only])

    @staticmethod
    def _public_keys(keys: Iterable[tuple[bytes, datetime | None]], chosen: set[bytes]) -> list["PublicKey"]:
        from ferryman.core.audit import checkpoints
        from ferryman.core.vault import ServerKey

        return [
            checkpoints.PublicKey(checkpoints.public_key(ServerKey(key).derive(checkpoints.PURPOSE)), until=until)
            for key, until in keys
            if key in chosen
        ]

    def text(self) -> str:
        """Return the text of the key file."""
        lines = [
            base64.b64encode(key).decode() + ("" if since is None else f" {since.isoformat(timespec='seconds')}")
            for key, since in zip(self.keys, self.replaced, strict=True)
        ]
        lines += [_AUDIT + base64.b64encode(key).decode() for key in self.audit_only]
        lines += [key.line for key in self.public_only]
        return "\n".join(lines) + "\n"


def read_server_keys(loaded: LoadedConfiguration) -> ServerKeys:
    """Return the server's keys: what `server.key_command` prints, else the environment's, else those in the file.

    A service that systemd started with a copy of the file as a credential reads the copy.

    Raises Failure if they cannot be read, other users can read the file, or they are not keys.
    """
    server = loaded.configuration.server
    if server.key_command:
        return parse_keys(_printed(list(server.key_command)), "The output of server.key_command")
    if VARIABLE in os.environ:
        return parse_keys(os.environ[VARIABLE], VARIABLE)
    credential = _credential()
    if credential is not None:
        return parse_keys(credential.decode(errors="replace"), f"The credential {CREDENTIAL}")
    path = loaded.path(server.key_file)
    advice = "Restore it from your backup; without it, stored access keys cannot be decrypted"
    return parse_keys(read_secret(path, "The server's key", advice).decode(errors="replace"), str(path))


def _credential() -> bytes | None:
    """Return the content of systemd's credential; None without one. Only this service's account can read it."""
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if directory is None:
        return None
    try:
        return (Path(directory) / CREDENTIAL).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        advice = "Check LoadCredential= in the unit"
        raise Failure(f"The credential {CREDENTIAL} cannot be read", error.strerror or str(error), advice) from error


def parse_keys(text: str, where: str) -> ServerKeys:
    """Return the keys in a text; raises Failure, whose text never shows a key."""
    keys: list[bytes] = []
    replaced: list[datetime | None] = []
    audit_only: list[bytes] = []
    public_only: list[PublicKey] = []
    for entry in text.replace(",", "\n").splitlines():
        encoded, _, since = entry.strip().partition(" ")
        if not encoded:
            continue
        try:
            if entry.strip().startswith(_PUBLIC):
                from ferryman.core.audit.checkpoints import read_public_keys

                public_only += read_public_keys(entry.strip())
                continue
            if encoded.startswith(_AUDIT):
                audit_only.append(_decoded(encoded.removeprefix(_AUDIT)))
                continue
            keys.append(_decoded(encoded))
            replaced.append(datetime.fromisoformat(since) if since else None)
        except ValueError as error:
            raise _no_key(where) from error
    if not keys or len(set(keys)) != len(keys) or any(each is not None and not each.tzinfo for each in replaced):
        raise _no_key(where)
    return ServerKeys(tuple(keys), tuple(replaced), tuple(audit_only), tuple(public_only))


def _decoded(encoded: str) -> bytes:
    key = base64.b64decode(encoded, validate=True)
    if len(key) != KEY_BYTES:
        raise binascii.Error
    return key


def _no_key(where: str) -> Failure:
    return Failure(
        f"{where} does not contain a server key",
        f"it must be {KEY_BYTES} bytes in base64, one key per line",
        "Restore it from your backup",
    )


def _printed(command: list[str]) -> str:
    advice = "Run it by hand as the server's user; it must print the server's key and exit with 0"
    try:
        done = subprocess.run(  # noqa: S603 the operator's own configuration names it
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        late = isinstance(error, subprocess.TimeoutExpired)
        said = f"it did not finish within {COMMAND_SECONDS:g} s" if late else str(error)
        raise Failure("server.key_command failed", said, advice) from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        said = f"it exited with {done.returncode}{': ' + last[0][:200] if last else ''}"
        raise Failure("server.key_command failed", said, advice)
    return done.stdout.decode(errors="replace")
