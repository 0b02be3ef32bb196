"""The audit trail of a machine that somebody else could write to: `ferryman.audit`."""

import contextlib
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

from msgspec.json import encode

from ferryman.audit.export import _time as _time_of_export
from ferryman.audit.exported import verify_export
from ferryman.audit.lookup import _Search, _search_chunk
from ferryman.audit.reader import last_link, newest_first, verify
from ferryman.audit.sinks.s3 import _time
from ferryman.core.audit.chain import ChainLink, seal
from ferryman.core.audit.checkpoints import CHECKPOINT, EXPORT, PublicKey, public_key, read_public_keys, sign
from ferryman.core.audit.lookup import looked_up
from ferryman.core.ports.audit import TrailPosition, TrailSearch
from tests.fuzz.target import MIB, Target

_KEY = bytes(32)
_PUBLIC = PublicKey(public_key(_KEY))
_FILE = Path(mkdtemp(prefix="ferryman-fuzz-")) / "audit-000000000001.jsonl"


def written_trail(data: bytes) -> Path:
    """Return the directory of a trail whose one file is the input."""
    _FILE.write_bytes(data)
    return _FILE.parent


def _verified(data: bytes) -> None:
    """The input as it is, and under the server's own seal: who has the key may have been careless with it."""
    directory = written_trail(data)
    verify(directory, _KEY, at_least=3, older=[bytes(32)])
    last_link(directory)
    for record in newest_first(directory):
        assert isinstance(record, dict)
    search = _Search(TrailSearch("", "", (), lambda _: True), 50, [b"a"], "", "", [])
    place: TrailPosition | None = (1, len(data))
    while place is not None and search.read < 4 * MIB and len(search.records) < search.most:
        place = _search_chunk(directory, place, search)
    assert all(looked_up(record).text for record in search.records)
    for line in data.splitlines():
        assert isinstance(_time_of_export(line), str)


def _verified_copy(data: bytes) -> None:
    """The input as a copy that somebody hands to an auditor."""
    verify_export(written_trail(data), [_PUBLIC], at_least=3)


def _copy() -> bytes:
    """Return a copy of a trail of one record and its checkpoint, signed with a key that whoever fuzzes knows."""
    time = "2026-01-31T12:00:00.000Z"
    line, link = seal(_KEY, ChainLink(), {"time": time, "detail-type": "x", "detail": {}})
    statement = {"firstSequence": 1, "lastSequence": 1, "mac": link.mac, "time": time}
    digest = sha256(line + b"\n").hexdigest()
    detail = sign(CHECKPOINT, statement | {"sha256": digest}, _KEY)
    checkpoint, link = seal(_KEY, link, {"time": time, "detail-type": CHECKPOINT, "detail": detail})
    whole = line + b"\n" + checkpoint + b"\n"
    extent = {"firstSequence": 1, "lastSequence": 2, "sha256": sha256(whole).hexdigest(), "time": time}
    return whole + encode({"export": sign(EXPORT, extent, _KEY)}) + b"\n"


def _public_keys(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        for key in read_public_keys(data.decode("ascii", "replace")):
            assert read_public_keys(key.line) == [key]


def _records() -> bytes:
    entries = (
        {
            "eventTime": "2025-01-01T00:00:00.000Z",
            "eventName": "StartSession",
            "userIdentity": {"userName": "a", "arn": "arn:aws:iam::1:user/a"},
            "requestParameters": {"target": "mi-1"},
            "responseElements": {"sessionId": "s"},
            "errorCode": "x",
        },
        {
            "time": "2025-01-01T00:00:00.000Z",
            "detail-type": "AuditTrailKeyChanged",
            "detail": {"keyId": "66687aadf862bd77", "owner": "arn:aws:iam::1:user/a", "status": "x"},
        },
        {"time": "2025-01-01T00:00:00.000Z", "detail-type": "AuditTrailFileDeleted", "detail": {"lastSequence": 1}},
    )
    lines, link = [], ChainLink()
    for entry in entries:
        line, link = seal(_KEY, link, entry)
        lines.append(line + b"\n")
    return b"".join(lines)


RECORDS = _records()

TARGETS = (
    Target(
        "audit.trail",
        _verified,
        (RECORDS,),
        (),
        (b"\n", b',"chain":{"previous":"', b'"sequence":', b'"mac":"', b"AuditTrailKeyChanged"),
        4 * MIB,
        costly=True,
        seconds=2.0,  # commands read whole files, this one three times
    ),
    Target(
        "audit.copy",
        _verified_copy,
        (_copy(), RECORDS),
        (),
        (b"\n", b'"detail-type":"AuditTrailCheckpoint"', b'{"export":', b'"signature":"', b'"lastSequence":'),
        4 * MIB,
        costly=True,
        seconds=2.0,
    ),
    Target(
        "audit.public_keys",
        _public_keys,
        (f"{_PUBLIC.line} since=2026-01-31T12:00:00+00:00 until=2026-02-01\n".encode(), _PUBLIC.pem.encode()),
        (),
        (b" since=", b" until=", b"-----BEGIN PUBLIC KEY-----\n", b"ferryman-audit ed25519 "),
        MIB,
    ),
    Target(
        "audit.record_time",
        _time,
        (RECORDS.split(b"\n")[0], b'{"time":"2025-01-01T00:00:00+23:59"}'),
        (),
        (b'"eventTime":', b'"time":', b"0001-01-01"),
        MIB,
    ),
)
