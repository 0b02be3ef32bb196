"""The audit trail of a machine that somebody else could write to: `ferryman.audit`."""

from pathlib import Path
from tempfile import mkdtemp

from ferryman.audit.reader import last_link, newest_first, verify
from ferryman.audit.sinks.s3 import _time
from ferryman.core.audit.chain import Link, seal
from tests.fuzz.target import MIB, Target

_KEY = bytes(32)
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
    lines, link = [], Link()
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
        "audit.record_time",
        _time,
        (RECORDS.split(b"\n")[0], b'{"time":"2025-01-01T00:00:00+23:59"}'),
        (),
        (b'"eventTime":', b'"time":', b"0001-01-01"),
        MIB,
    ),
)
