"""Where objects go: under the time of their first record, whatever that record says."""

import pytest

from ferryman.audit.follower import Batch
from ferryman.audit.sinks.s3 import Bucket, object_key
from ferryman.core.audit.chain import ChainLink

BUCKET = Bucket("", "logs", "eu-west-1", "123456789012", "us-east-1")
START = "logs/AWSLogs/123456789012/Ferryman/us-east-1"


@pytest.mark.parametrize(
    ("record", "date", "time"),
    [
        (b'{"eventTime":"2026-01-31T12:34:56Z"}', "2026/01/31", "20260131T1234Z"),
        (b'{"time":"2026-01-31T12:34:56Z"}', "2026/01/31", "20260131T1234Z"),
        (b"{}", "1970/01/01", "19700101T0000Z"),
        (b'{"eventTime":"yesterday"}', "1970/01/01", "19700101T0000Z"),
        (b'{"eventTime":5}', "1970/01/01", "19700101T0000Z"),
        (b'{"eventTime"', "1970/01/01", "19700101T0000Z"),
    ],
)
def test_an_object_is_named_by_its_first_record(record: bytes, date: str, time: str) -> None:
    """One that was altered must not keep those behind it from the bucket."""
    key = object_key(BUCKET, Batch([record + b"\n"], [ChainLink(7, "")]))
    assert key == f"{START}/{date}/123456789012_Ferryman_us-east-1_{time}_000000000007.json.gz"
