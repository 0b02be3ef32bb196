"""What the commands read of people, files and servers: `ferryman.cli`."""

import io
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp

from ferryman.audit.sessions import recorded_sessions
from ferryman.audit.several import CLOCKS_DIFFER, Trail, claimed_server_of, merged_newest_first
from ferryman.bootstrap.backup import restoring
from ferryman.bootstrap.backup.moved_paths import with_settings
from ferryman.bootstrap.backup.sealed_file import NotABackup, OpenedFile, SealingFile
from ferryman.bootstrap.configuration import load
from ferryman.cli.client import forward_specs
from ferryman.cli.doctor import client as checkup
from ferryman.cli.instants import ShownTimes, parse_instant
from ferryman.cli.manage import access
from ferryman.cli.operate import audit, audit_sessions
from ferryman.model.failures import Failure
from tests.fuzz.rooms.audit import RECORDS, written_trail
from tests.fuzz.target import KIB, Target, text_of

_CONFIGURATION = Path(mkdtemp(prefix="ferryman-fuzz-")) / "ferryman.toml"
_MOMENT = datetime(2026, 1, 31, tzinfo=UTC)


def _load(data: bytes) -> None:
    _CONFIGURATION.write_bytes(data)
    loaded = load(_CONFIGURATION)
    assert loaded.listen_address
    assert loaded.database_url


def _listed(data: bytes) -> None:
    """`audit list` and `audit sessions`: a row, and every filter, of whatever the files say."""
    tests = audit._tests("a", "Start", "s", errors=True)
    directory = written_trail(data)
    trails = [Trail(directory, claimed_server_of(directory)), Trail(directory, "another")]
    for _, record in audit._between(merged_newest_first(trails), "2020", None):
        assert all(isinstance(cell, str) for cell in audit._row(record, ShownTimes(utc=True)))
        for test in tests:
            test(record)
    records = (record for _, record in merged_newest_first(trails))
    for session in recorded_sessions(records, CLOCKS_DIFFER):
        assert all(isinstance(cell, str) for cell in audit_sessions._row(session, ShownTimes(utc=False)))
        assert audit_sessions._document(session)
        session.was_open(_MOMENT, _MOMENT)


def _access_request(data: bytes) -> None:
    """What a server says of an access request, within an OpsItem."""
    known = access._known({"OperationalData": {access.ACCESS_REQUEST: {"Value": data.decode("utf-8", "replace")}}})
    str(known["accessRequestStatus"])


def _instant(data: bytes) -> None:
    parse_instant("--since", text_of(data))


def _moved(data: bytes) -> None:
    """A configuration from a backup, restored into a directory."""
    with_settings(data, {"server.database": "sqlite:///ferryman.db", "audit.directory": "audit"})


def _backup(data: bytes) -> None:
    """A backup's list of its files; nothing is restored."""
    with tarfile.open(fileobj=OpenedFile(io.BytesIO(data)), mode="r|") as archive:
        restoring._places(restoring._manifest(archive), Path("/nowhere"))


def _small_backup() -> bytes:
    target, manifest = io.BytesIO(), b'{"release":"1","created":"","configuration":"/c","files":{"a":{"path":"/a",'
    manifest += b'"mode":384,"owner":"","group":""}},"directories":[],"settings":{}}'
    member = tarfile.TarInfo("manifest.json")
    member.size = len(manifest)
    with SealingFile(target, None) as sealed, tarfile.open(fileobj=sealed, mode="w|") as archive:
        archive.addfile(member, io.BytesIO(manifest))
    return target.getvalue()


_LEAST = (
    b'[server]\naccount_id = "123456789012"\nregion = "us-east-1"\npublic_url = "https://x.example.org"\n'
    b'allow_plain_http = true\nlisten = "[::]:7330"\n'
)
_MOST = (
    _LEAST + b'[connections]\nuncounted_networks = ["10.0.0.0/8"]\n[audit.webhook]\nurl = "https://x"\n'
    b'secret_file = "s"\ninterval_seconds = 1.5\n[audit.s3]\nbucket = "abc"\nregion = "r"\nprefix = "a/b"\n'
    b"[throttling]\nburst = 1e3\n[sessions]\nidle_timeout_minutes = 20\n"
)

TARGETS = (
    Target(
        "cli.configuration",
        _load,
        (_LEAST, _MOST),
        (Failure,),
        (b"[", b"]", b"''' ", b'"""', b"[[a]]", b"http://[", b"= 1979-05-27", b"= {a = 1}", b"a.b.c", b"= nan"),
        64 * KIB,
        costly=True,
    ),
    Target("cli.moved_configuration", _moved, (_LEAST, _MOST), (Failure,), (b"[", b"\n", b"= '"), 64 * KIB),
    Target(
        "cli.backup", _backup, (_small_backup(),), (NotABackup, tarfile.TarError), (b"manifest.json", b"../"), 64 * KIB
    ),
    Target(
        "cli.forward_specs",
        lambda data: forward_specs.parse(text_of(data)),
        (b"8080:80", b"5432:db.internal:5432", b"[::1]:5432:[2001:db8::1]:5432", b"80"),
        (Failure,),
        (b":", b"[", b"]", b"\xc2\xb2", b"\xd9\xa1"),
    ),
    Target("cli.audit_list", _listed, (RECORDS,), (), (b'"eventTime":', b'"detail":', b'"owner":', b"\n"), costly=True),
    Target(
        "cli.access_request", _access_request, (b'{"accessRequestStatus":"Approved","targets":["mi-1"]}',), (Failure,)
    ),
    Target("cli.instant", _instant, (b"2025-01-01", b"2025-01-01T00:00:00+01:00"), (Failure,)),
    Target(
        "cli.server_date",
        lambda data: checkup._clock(data.decode("latin-1")),
        (b"Wed, 01 Jan 2025 00:00:00 GMT",),
        (),
        (b"9999", b"0001", b"+9999999999", b"99999999999999999999", b"-2359"),
    ),
)
