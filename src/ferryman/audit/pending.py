"""Records of the operator's own commands, which act beside the server: left beside the trail, then added to it.

Only the server writes the trail. A command leaves its record in a separate file, authenticated with the server's key;
the server adds it to the trail within a second, or when it starts.
"""

import asyncio
import contextlib
import hmac
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import structlog

from ferryman.audit.writer import Describe
from ferryman.core.ports.audit import AuditTrail, Entry, Unrecorded
from ferryman.system.private_files import create_private

PURPOSE = "pending-record"
_NAME = re.compile(r"pending-[0-9]{20}-[0-9a-f]{16}\.json")
_MAC_CHARACTERS = 64
LARGEST = 64 * 1024
LOOK_SECONDS = 1.0
REJECTED = "AuditPendingRejected"
"""`detail-type` of the event for a file that looked like a command's record and was not."""

_log = structlog.get_logger("ferryman.audit")


class PendingRecord:
    """The record of one act, in the trail's `directory`: the file is created before the act and filled in after it.

    Creating it raises OSError, so that an act that cannot be recorded is not performed.
    """

    def __init__(self, directory: Path, now_ns: int) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / f"pending-{now_ns:020d}-{os.urandom(8).hex()}.json"
        self._partial = self._path.with_suffix(".partial")
        self._descriptor = create_private(self._partial)
        owner = directory.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:  # the server, which has an account of its own, must read it
            os.fchown(self._descriptor, owner.st_uid, owner.st_gid)

    def write(self, key: bytes, entry: Entry) -> None:
        """Leave the record for the server; raises OSError."""
        body = msgspec.json.encode(entry)
        with os.fdopen(self._descriptor, "wb") as file:
            file.write(_mac(key, body) + body)
            file.flush()
            os.fsync(file.fileno())
        self._partial.rename(self._path)


def pending_records(directory: Path, keys: list[bytes]) -> Iterator[tuple[Path, Entry | None]]:
    """Yield the waiting records, oldest first; None for a file that no command of this server wrote. Raises OSError."""
    for path in sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name)):
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except FileNotFoundError:  # added to the trail meanwhile
            continue
        yield path, _opened(keys, content)


def reseal_pending(directory: Path, keys: list[bytes]) -> None:
    """Authenticate the waiting records again with the first of `keys`, so that the others are not needed. Raises
    OSError."""
    for path, entry in pending_records(directory, keys):
        if entry is None:
            continue
        body = msgspec.json.encode(entry)
        with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:  # a server may add it meanwhile
            file.write(_mac(keys[0], body) + body)  # of the same length: only the MAC changes


async def add_pending(directory: Path, keys: list[bytes], trail: AuditTrail, describe: Describe) -> None:
    """Add the waiting records to the trail. A file that no command of this server wrote is set aside, which is
    recorded. Raises OSError or `Unrecorded`; records that were not added still wait.
    """
    for path, entry in await asyncio.to_thread(lambda: list(pending_records(directory, keys))):
        if entry is not None:
            await trail.keep(entry)
            path.unlink(missing_ok=True)
            continue
        _log.error("pending record was not made by this server", file=path.name)
        await trail.keep(describe(REJECTED, {"file": path.name}))
        path.rename(path.with_suffix(".rejected"))


async def follow(directory: Path, keys: Callable[[], list[bytes]], trail: AuditTrail, describe: Describe) -> None:
    """Add the records that commands leave, until cancelled; `keys` returns the current keys."""
    failed = False
    while True:
        try:
            await add_pending(directory, keys(), trail, describe)
            failed = False
        except (OSError, Unrecorded) as error:
            if not failed:
                _log.error("pending records not added to the trail", reason=str(error))
            failed = True
        await asyncio.sleep(LOOK_SECONDS)


def _opened(keys: list[bytes], content: bytes) -> Entry | None:
    mac, body = content[:_MAC_CHARACTERS], content[_MAC_CHARACTERS:]
    if len(content) > LARGEST or not any(hmac.compare_digest(_mac(key, body), mac) for key in keys):
        return None
    entry: Any = msgspec.json.decode(body)
    return dict(entry)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256").hex().encode()
