"""Reading the audit trail: does a record cost more in a long trail? `audit verify`, and `audit list` by a person.

The trails are written by the code that seals records, in files of 64 MiB, as the server writes them.
"""

import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from benchmarks.measurement import Bar, Measurement
from ferryman.audit.reader import verify
from ferryman.audit.several import Trail, merged_newest_first
from ferryman.cli.operate.audit import records_of
from ferryman.core.audit.chain import ChainLink, seal

KEY = bytes(32)
SIZES = (20_000, 200_000)
FILE_BYTES = 64 * 1024 * 1024
PEOPLE = 50
ROUNDS = 3
PAGE = 100


def run(sizes: tuple[int, int] = SIZES) -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bench-") as directory:
        trails = {size: Path(directory) / str(size) for size in sizes}
        for size, trail in trails.items():
            write(trail, size)
        works: dict[str, Callable[[Path], int]] = {
            "audit verify, a record": lambda trail: verify(trail, KEY)[0].records,
            "audit list --user nobody, a record": lambda trail: size_of(trail) if not people(trail, "nobody") else 0,
            "audit list --user (100 of a person), a record": lambda trail: len(people(trail, "person-7")) * PEOPLE,
        }
        return [measure(name, work, trails) for name, work in works.items()]


def measure(name: str, work: Callable[[Path], int], trails: dict[int, Path]) -> Measurement:
    took: dict[int, float] = {}
    for _ in range(ROUNDS):
        for size, trail in trails.items():
            began = time.process_time()
            records = work(trail)
            each = (time.process_time() - began) / records * 1e6
            took[size] = min(each, took.get(size, each))
    small, large = min(trails), max(trails)
    peer, note = f"{small:,} records", f"{large:,} records: {took[large] * large / 1e6:.1f} s of CPU if all are read"
    return Measurement(name, took[large], "µs", peer, took[small], Bar("ratio", at_most=1.5), note)


def people(trail: Path, user: str) -> list[object]:
    return list(islice(records_of(merged_newest_first([Trail(trail, "")]), user=user), PAGE))


def size_of(trail: Path) -> int:
    return int(trail.name)


def write(trail: Path, size: int) -> None:
    trail.mkdir()
    link, number = ChainLink(), 0
    while number < size:
        with (trail / f"audit-{number + 1:012d}.jsonl").open("wb", buffering=1024 * 1024) as file:
            written = 0
            while number < size and written < FILE_BYTES:
                line, link = seal(KEY, link, record(number))
                written += file.write(line + b"\n")
                number += 1


def record(number: int) -> dict[str, object]:
    name = f"person-{number % PEOPLE}"
    arn = f"arn:aws:iam::123456789012:user/{name}"
    return {
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "principalId": f"AIDA{name}", "arn": arn, "userName": name},
        "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": "ssm.amazonaws.com",
        "eventName": "DescribeSessions",
        "awsRegion": "bench-1",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/1.44.0 " + "md/Botocore#1.42.0 ua/2.1 os/linux " * 8,
        "requestParameters": {"state": "History", "filters": [{"key": "Target", "value": "mi-0123456789abcdef0"}]},
        "responseElements": None,
        "requestID": f"00000000-0000-4000-8000-{number:012d}",
        "eventID": f"00000000-0000-4000-9000-{number:012d}",
        "readOnly": True,
        "eventType": "AwsApiCall",
        "recipientAccountId": "123456789012",
    }
