"""The chain of audit records: each has a sequence number, the MAC of its predecessor, and its own MAC.

A line is canonical JSON (members in order of name, no spaces, UTF-8) whose last member is
`"chain":{"previous":…,"sequence":…,"mac":…}`. `mac` is HMAC-SHA256, in hex, of the line's bytes without `,"mac":"…"`,
under a key derived from the server's. Someone who can write the file but does not have that key cannot repair the
chain.
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from ferryman.core.audit.extent import DELETED, MISSING, extent_of
from ferryman.core.ports.audit import Entry
from ferryman.core.vault import Vault

PURPOSE = "audit-trail"
KEY_CHANGED = "AuditTrailKeyChanged"
"""`detail-type` of the last record under a key; `detail.keyId` names the key of all records after it."""
FIRST_PREVIOUS = "0" * 64
_MAC_BYTES = 32
_SEALED = re.compile(
    rb'(\{.*,"chain":\{"previous":"([0-9a-f]{64})","sequence":([1-9][0-9]{0,17}))(,"mac":"([0-9a-f]{64})")\}\}',
    re.DOTALL,
)
_END = re.compile(
    rb',"chain":\{"previous":"([0-9a-f]{64})","sequence":([1-9][0-9]{0,17}),"mac":"([0-9a-f]{64})"\}\}\n\Z'
)
_END_BYTES = 256
"""More bytes than `_END` ever matches."""
_encoder = msgspec.json.Encoder(order="sorted")


class BrokenChain(Exception):
    """A line is not a record of this server, or does not follow the one before."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """The end of a chain: the sequence number and MAC of its last record; 0 for an empty chain."""

    sequence: int = 0
    mac: str = FIRST_PREVIOUS


def chain_key(vault: Vault) -> bytes:
    """Return the key of the trail's MACs."""
    return vault.derive(PURPOSE)


def key_id(key: bytes) -> str:
    """Return the id of a trail's key, 16 hex digits."""
    return sha256(b"ferryman/audit-key-id" + key).hexdigest()[:16]


def changed_to(line: bytes) -> str | None:
    """Return the id of the key that the next records use; None if it is the same.

    The record must be verified already.
    """
    return _detail(line, KEY_CHANGED).get("keyId")


def seal(key: bytes, after: ChainLink, entry: Entry) -> tuple[bytes, ChainLink]:
    """Return an entry's line, without a newline, and its link."""
    body = _encoder.encode(entry)
    sequence = after.sequence + 1
    signed = b'%s,"chain":{"previous":"%s","sequence":%d' % (body[:-1], after.mac.encode(), sequence)
    mac = hmac.digest(key, signed + b"}}", "sha256").hex()
    return b'%s,"mac":"%s"}}' % (signed, mac.encode()), ChainLink(sequence, mac)


def open_line(key: bytes, line: bytes) -> tuple[ChainLink, str]:
    """Return a line's link, and the MAC of the record before it.

    Raises `BrokenChain` if the line is not from this server or was altered.
    """
    found = _SEALED.fullmatch(line)
    if found is None:
        raise BrokenChain("it is not a record")
    expected = hmac.digest(key, found[1] + b"}}", "sha256").hex().encode()
    if not hmac.compare_digest(expected, found[5]):
        raise BrokenChain("it was altered, or written under another server key")
    return ChainLink(int(found[3]), found[5].decode()), found[2].decode()


def link_of(line: bytes) -> ChainLink | None:
    """Return the link in a line with its newline, unverified; None if the line is not a complete record."""
    found = _END.search(line, max(0, len(line) - _END_BYTES))
    return None if found is None else ChainLink(int(found[2]), found[3].decode())


def previous_of(line: bytes) -> str | None:
    """Return the MAC of the record before the one in a line with its newline, unverified; None if it is not one."""
    found = _END.search(line, max(0, len(line) - _END_BYTES))
    return None if found is None else found[1].decode()


@dataclass(frozen=True, slots=True)
class Problem:
    """A place where the trail is not what the server wrote. `line` counts from 1 in the file `where`."""

    where: str
    line: int
    what: str


class ChainVerification:
    """Follows a chain line by line. `problems` yields them as they occur; `conclude` yields what only the end shows.

    `key` is the server's current key, `older` are its earlier ones. A key may follow another only where a record under
    the other says so. `known` is a record that the trail had reached. `heads` are records to look for: those that the
    trail has are in `reached`.
    """

    def __init__(
        self, key: bytes, older: Sequence[bytes] = (), known: ChainLink | None = None, heads: Iterable[ChainLink] = ()
    ) -> None:
        self._keys = {key_id(each): each for each in (*older, key)}
        self._newest = key_id(key)
        self._known = known
        self._heads = frozenset(heads)
        self.reached: set[ChainLink] = set()
        self._under: str | None = None
        self._oldest: int | None = None
        self._began_at: tuple[str, int, int] | None = None
        self.last = ChainLink()
        self.records = 0
        self.deleted_to = 0
        """The last record that the server says it deleted; 0 if it says so of none."""
        self.deletion = 0
        """The number of the record that says so."""

    def problems(self, where: str, lines: Iterable[bytes]) -> Iterator[Problem]:
        """Check one file's lines, each with its newline; yield a problem for each that does not fit."""
        for number, line in enumerate(lines, 1):
            self.records += 1
            if not line.endswith(b"\n"):
                yield Problem(where, number, "it is incomplete: the server was killed or the file was cut")
                continue
            try:
                link, previous, under = self._open(line[:-1])
            except BrokenChain as broken:
                yield Problem(where, number, str(broken))
                continue
            if self._under not in (None, under):
                yield Problem(where, number, "it is under another key, and nothing says that the key was changed")
            self._under = changed_to(line) or under
            if self._began_at is None:
                self._began_at = (where, number, link.sequence)
                fits = link.sequence > 1 or previous == FIRST_PREVIOUS
            else:
                fits = link.sequence == self.last.sequence + 1 and previous == self.last.mac
            if not fits:
                yield Problem(where, number, self._gap(link))
            self.last = link
            if link in self._heads:
                self.reached.add(link)
            if self._known is not None and link.sequence == self._known.sequence and link.mac != self._known.mac:
                yield Problem(where, number, "the server wrote another record of this number: it was replaced")
            if (problem := self._extent_problem(line)) is not None:
                yield Problem(where, number, problem)

    def conclude(self, at_least: int = 0) -> Iterator[Problem]:
        """Yield what is wrong with the ends of the chain; `at_least` is a sequence number that it must have reached."""
        if self._began_at is not None:
            where, number, sequence = self._began_at
            oldest = self._oldest or 1
            if sequence > oldest:
                told = f"records {oldest} to {sequence - 1} are missing, and the server did not say so"
                yield Problem(where, number, told)
        if self._under not in (None, self._newest):
            yield Problem(
                "", 0, "the trail ends under a key that was replaced: records are missing, or no server ran since"
            )
        at_least = max(at_least, self._known.sequence if self._known is not None else 0)
        if self.last.sequence < at_least:
            yield Problem("", 0, f"the trail ends with record {self.last.sequence}, it had reached {at_least}")

    def _open(self, line: bytes) -> tuple[ChainLink, str, str]:
        """Return a line's link, the MAC before it, and the id of its key: the expected one, or any that fits."""
        expected = [] if self._under is None else [self._under]
        broken = BrokenChain("it is not a record")
        for name in (*expected, *(each for each in self._keys if each != self._under)):
            if name in self._keys:
                try:
                    return *open_line(self._keys[name], line), name
                except BrokenChain as error:
                    broken = error
        raise broken

    def _gap(self, link: ChainLink) -> str:
        expected = self.last.sequence + 1
        if link.sequence > expected:
            return f"records {expected} to {link.sequence - 1} before it are missing"
        if link.sequence < expected:
            return f"it is record {link.sequence}, out of its place or there twice"
        return f"it does not follow record {self.last.sequence}, which belongs to another chain"

    def _extent_problem(self, line: bytes) -> str | None:
        """Track where the trail begins; return a problem if that does not follow from earlier records."""
        extent = extent_of(line)
        if extent is None:
            return None
        before, self._oldest = self._oldest, extent.oldest
        if extent.kind == DELETED:
            self.deleted_to, self.deletion = extent.oldest - 1, self.last.sequence
        if extent.kind == MISSING:
            return f"the server found records {extent.first} to {extent.oldest - 1} removed by someone else"
        if extent.first is not None and before is not None and extent.first != before:
            return (
                f"the trail began with record {extent.first} here, not with {before}: something was removed or put in"
            )
        return None


def _detail(line: bytes, kind: str) -> Mapping[str, Any]:
    """Return the detail of an event of this kind; empty if the line is something else."""
    if kind.encode() not in line:
        return {}
    entry = msgspec.json.decode(line)
    found = isinstance(entry, dict) and entry.get("detail-type") == kind
    return entry["detail"] if found else {}
