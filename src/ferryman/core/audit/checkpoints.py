"""Signed checkpoints of the audit trail: statements that anybody with the server's public key can verify.

A statement is a set of texts and integers. Its bytes are the kind's line, then `name=value` for each member in order of
name, one a line, and its Ed25519 signature (RFC 8032) is over these. The private key is derived from the server's key.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from ferryman.core.audit.chain import ChainLink
from ferryman.model.values.timestamps import parse_iso

PURPOSE = "audit-checkpoint"
"""What the private key is derived for; 32 bytes, the seed of an Ed25519 key."""
CHECKPOINT = "AuditTrailCheckpoint"
"""`detail-type` of a checkpoint; its `detail` is the signed statement."""
UNCOVERED = "AuditTrailCheckpointGap"
"""`detail-type` of the event which says that no checkpoint vouches for records `firstSequence` to `lastSequence`, and
why."""
EXPORT = "AuditTrailExport"
"""The kind of the statement at the end of an exported copy."""
GRACE = timedelta(days=1)
"""How long after its replacement a key may still sign: a server may learn of the new one late."""
_KEY_BYTES = 32
_VALIDITY = r"(?: since=(\S{1,64}))?(?: until=(\S{1,64}))?"
_LINE = re.compile(rf"ferryman-audit ed25519 ([A-Za-z0-9+/]{{43}}=){_VALIDITY}", re.ASCII)
_PEM = re.compile(
    rf"(?:# ferryman-audit [0-9a-f]{{16}}{_VALIDITY}\n)?"
    r"(-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]{1,1000}-----END PUBLIC KEY-----)",
    re.ASCII,
)

Statement = Mapping[str, Any]


class Unsigned(Exception):
    """A statement has no valid signature of the expected keys; the text says why."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies checkpoints: 32 raw bytes, and from when until when it signs, None for unknown or no end."""

    key: bytes
    since: datetime | None = None
    until: datetime | None = None

    @property
    def key_id(self) -> str:
        """The key's id, 16 hex digits."""
        return sha256(b"ferryman/audit-checkpoint-key-id" + self.key).hexdigest()[:16]

    @property
    def line(self) -> str:
        """The key on one line, as `read_public_keys` reads it."""
        return f"ferryman-audit ed25519 {base64.b64encode(self.key).decode()}{self._validity()}"

    @property
    def pem(self) -> str:
        """The key as PEM, after a comment with its id and validity."""
        public = Ed25519PublicKey.from_public_bytes(self.key)
        block = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return f"# ferryman-audit {self.key_id}{self._validity()}\n{block}"

    def _validity(self) -> str:
        named = (("since", self.since), ("until", self.until))
        return "".join(f" {name}={moment.isoformat(timespec='seconds')}" for name, moment in named if moment)


def public_key(seed: bytes) -> bytes:
    """Return the 32 bytes of the public key that belongs to a private one."""
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def read_public_keys(text: str) -> list[PublicKey]:
    """Return the keys in a text, one a line or as PEM; raises ValueError if there is none or one is malformed."""
    found = [(base64.b64decode(line[1]), line[2], line[3]) for line in map(_LINE.fullmatch, text.splitlines()) if line]
    for block in _PEM.finditer(text.replace("\r\n", "\n")):
        try:
            public = load_pem_public_key(block[3].encode())
        except UnsupportedAlgorithm as error:
            raise ValueError("it contains a key of an unknown kind") from error
        if not isinstance(public, Ed25519PublicKey):
            raise ValueError("it contains a key of another kind than Ed25519")
        found.append((public.public_bytes_raw(), block[1], block[2]))
    if not found:
        raise ValueError("it contains no public key of an audit trail")
    return [PublicKey(key, _moment(since), _moment(until)) for key, since, until in found]


def sign(kind: str, statement: Statement, seed: bytes) -> dict[str, Any]:
    """Return a statement with its `keyId` and `signature` (base64); its members are texts of one line and integers."""
    named = {**statement, "keyId": PublicKey(public_key(seed)).key_id}
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(_signed_bytes(kind, named))
    return named | {"signature": base64.b64encode(signature).decode()}


def verify_statement(kind: str, statement: Statement, keys: Iterable[PublicKey]) -> PublicKey:
    """Return the key that signed a statement; raises `Unsigned` if none of `keys` did, or not at its time."""
    key_id, signature = statement.get("keyId"), statement.get("signature")
    key = next((each for each in keys if each.key_id == key_id), None)
    if key is None:
        raise Unsigned(f"it was signed with key {key_id!s:.32}, which is not among the public keys")
    try:
        signed = _signed_bytes(kind, {name: value for name, value in statement.items() if name != "signature"})
        Ed25519PublicKey.from_public_bytes(key.key).verify(base64.b64decode(str(signature), validate=True), signed)
        at = parse_iso(str(statement.get("time")))
    except (InvalidSignature, ValueError, OverflowError) as error:
        raise Unsigned("its signature does not fit: it was altered") from error
    if (key.since is not None and at < key.since - GRACE) or (key.until is not None and at > key.until + GRACE):
        raise Unsigned(f"it was signed at {statement['time']} with key {key_id}, which was not in use then")
    return key


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the SHA-256 of the lines of records `first` to `last`, with their newlines.

    `statement` is all that it says, with its signature.
    """

    first: int
    last: ChainLink
    digest: str
    statement: Statement


def checkpoint_of(line: bytes) -> Checkpoint | None:
    """Return the checkpoint in a record's line, unverified; None if it is another record."""
    if CHECKPOINT.encode() not in line:
        return None
    try:
        entry = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    detail = entry.get("detail") if isinstance(entry, dict) and entry.get("detail-type") == CHECKPOINT else None
    if not isinstance(detail, dict):
        return None
    first, last = detail.get("firstSequence"), detail.get("lastSequence")
    mac, digest = detail.get("mac"), detail.get("sha256")
    if not (isinstance(first, int) and isinstance(last, int) and 0 < first <= last):
        return None
    return (
        Checkpoint(first, ChainLink(last, mac), digest, detail)
        if isinstance(mac, str) and isinstance(digest, str)
        else None
    )


def in_order(keys: Sequence[PublicKey]) -> list[PublicKey]:
    """Return keys newest first, each with the time of the one before it as its beginning."""
    newest_first = sorted(keys, key=lambda each: (each.until is None, each.until.timestamp() if each.until else 0.0))
    newest_first.reverse()
    before = [each.until for each in newest_first[1:]]
    return [
        PublicKey(each.key, since or each.since, each.until)
        for each, since in zip(newest_first, [*before, None], strict=True)
    ]


def _signed_bytes(kind: str, statement: Statement) -> bytes:
    lines = [f"ferryman {kind} 1"]
    for name, value in sorted(statement.items()):
        if (
            not isinstance(value, str | int)
            or isinstance(value, bool)
            or not f"{name}{value}".isprintable()
            or "=" in name
        ):
            raise ValueError(f"{name[:32]} cannot be signed")
        lines.append(f"{name}={value}")
    return "\n".join([*lines, ""]).encode()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else parse_iso(text)
