"""Keys that log in over SSH for a minute: kept for sshd, which asks a program that prints them.

Keys arrive over the control channel, so a login costs no call to the server, and a stranger who tries to log in only
causes one file to be read. Each user has a file. Each line says until when its key is valid, in seconds since boot
(which setting the clock does not change), and for which boot. The program ignores other lines.
"""

import asyncio
import contextlib
import pwd
from pathlib import Path

import msgspec

from ferryman.agent.identity.state import read_struct
from ferryman.system.private_files import replace_private
from ferryman.wire.ssh_keys import KEY_SECONDS, SshPublicKey, bare_key, is_user_name

DIRECTORY = Path("/run/ferryman-agent/ssh-keys")
"""In memory, closed to all but root."""
KEYS_A_USER = 20
"""Keys held for one user at a time; the oldest goes first."""
SETTINGS = "ssh-keys.json"
NOT_INSTALLED = "the node does not accept SSH keys; run 'ferryman agent install-ssh-keys' on it as root"
_UPTIME = Path("/proc/uptime")
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class SshKeySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The choices made by `ferryman agent install-ssh-keys`. `users` may log in; None means anybody but root."""

    directory: str = str(DIRECTORY)
    users: tuple[str, ...] | None = None


class KeyRefused(Exception):
    """A key is not offered to sshd; the text says why, for the person who sent it."""


class SshKeys:
    """Stores keys where sshd's program finds them. Settings are read for each key, so installing needs no restart."""

    def __init__(self, state: Path) -> None:
        self._settings = state / SETTINGS
        self._turn = asyncio.Lock()

    async def offer(self, key: SshPublicKey) -> None:
        """Offer a key for `KEY_SECONDS`; raises `KeyRefused`."""
        async with self._turn:
            try:
                path = await asyncio.to_thread(self._keep, key)
            except OSError as error:
                raise KeyRefused(f"the node cannot keep the key: {error.strerror}") from error
        # By then the program no longer prints it; removing the file is only tidying up.
        asyncio.get_running_loop().call_later(KEY_SECONDS, _tidy, path)

    def _keep(self, key: SshPublicKey) -> Path:
        settings = read_struct(self._settings, SshKeySettings)
        if settings is None:
            raise KeyRefused(NOT_INSTALLED)
        if not is_user_name(key.user):
            raise KeyRefused("the node does not accept this user name")
        if (key.user == "root") if settings.users is None else (key.user not in settings.users):
            raise KeyRefused(f"the node does not accept SSH keys for the user {key.user}")
        try:
            public_key = bare_key(key.public_key)
            pwd.getpwnam(key.user)
        except ValueError as error:
            raise KeyRefused(str(error)) from error
        except KeyError as error:
            raise KeyRefused(f"the node has no user {key.user}") from error
        directory = Path(settings.directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path, now, boot = directory / key.user, _uptime(), _BOOT.read_text().strip()
        lines = [line for line in _lines(path) if _counts(line, boot, now)][-(KEYS_A_USER - 1) :]
        lines.append(f"{boot} {int(now) + KEY_SECONDS} {public_key}")
        replace_private(path, "".join(f"{line}\n" for line in lines).encode(), durable=False)
        return path


def program(directory: Path) -> str:
    """Return the program for sshd's AuthorizedKeysCommand: it prints the keys in `directory` of the user it is given.

    It starts no other, so nothing is searched for on a path.
    """
    return f"""#!/bin/sh
# Written by 'ferryman agent install-ssh-keys': prints the SSH keys that Ferryman's agent holds for the user $1.
set -f
case "$1" in '' | [!A-Za-z0-9_]* | *[!A-Za-z0-9._@-]*) exit 0 ;; esac
exec 2>/dev/null
{{ read -r now rest < {_UPTIME} && read -r boot < {_BOOT}; }} || exit 0
[ -f '{directory}'/"$1" ] || exit 0
while read -r started until type key; do
    if [ "$started" = "$boot" ] && [ "${{now%.*}}" -lt "$until" ]; then
        printf '%s %s\\n' "$type" "$key"
    fi
done < '{directory}'/"$1"
exit 0
"""


def _tidy(path: Path) -> None:
    with contextlib.suppress(OSError):
        now, boot = _uptime(), _BOOT.read_text().strip()
        if not any(_counts(line, boot, now) for line in _lines(path)):
            path.unlink()


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _counts(line: str, boot: str, now: float) -> bool:
    started, until, *_ = [*line.split(" "), "", ""]
    return started == boot and until.isascii() and until.isdigit() and int(now) < int(until)


def _uptime() -> float:
    return float(_UPTIME.read_text().split()[0])
