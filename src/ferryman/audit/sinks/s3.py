"""A sink of the audit trail that puts records into a bucket, as CloudTrail does: gzip JSON objects under dates.

Works with any endpoint that speaks S3. An object's key follows from its first record, so putting it again, when it was
unclear whether the first attempt worked, replaces it.
"""

import asyncio
import base64
import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import md5, sha256

import msgspec

from ferryman.audit.follower import Batch
from ferryman.audit.sinks.sink import Deliver, Outlet, raise_unless_accepted
from ferryman.core.ports.runtime import Clock
from ferryman.model.identity.credentials import Credentials
from ferryman.model.values.timestamps import from_millis
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.sigv4 import sign

FetchCredentials = Callable[[], Awaitable[Credentials]]
"""Returns the credentials to sign with now; raises `Undelivered`."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where objects go. `base_path` is what every path begins with, `/bucket` or nothing; `prefix` what every key does:
    nothing in them has more than one spelling in a signed path.

    `region` is the bucket's; `account_id` and `server_region` are Ferryman's own, for the key.
    """

    base_path: str
    prefix: str
    region: str
    account_id: str
    server_region: str


def deliver_to_bucket(outlet: Outlet, bucket: Bucket, fetch_credentials: FetchCredentials, clock: Clock) -> Deliver:
    """Return a function that puts a batch into the bucket as one object."""

    async def deliver(batch: Batch) -> None:
        body = await asyncio.to_thread(_compressed, batch)
        headers = {
            "Content-Type": "application/json",
            "Content-Encoding": "gzip",
            "Content-MD5": base64.b64encode(md5(body, usedforsecurity=False).digest()).decode(),
            "X-Amz-Content-Sha256": sha256(body).hexdigest(),
        }
        credentials = await fetch_credentials()
        now = from_millis(clock())

        def signed(request: SignableRequest) -> dict[str, str]:
            return sign(request, credentials, bucket.region, "s3", now)

        path = f"{bucket.base_path}/{object_key(bucket, batch)}"
        raise_unless_accepted(await outlet.send("PUT", path, "", headers, body, signed))

    return deliver


def object_key(bucket: Bucket, batch: Batch) -> str:
    """Return `[prefix/]AWSLogs/<account>/Ferryman/<region>/<date>/<account>_Ferryman_<region>_<time>_<first>.json.gz`.

    The date, `yyyy/mm/dd`, and the time, `yyyymmddThhmmZ`, are those of the first record; `first` is its number.
    """
    written = _time(batch.lines[0])
    account, region = bucket.account_id, bucket.server_region
    name = f"{account}_Ferryman_{region}_{written:%Y%m%dT%H%MZ}_{batch.first.sequence:012d}.json.gz"
    start = f"{bucket.prefix}/" if bucket.prefix else ""
    return f"{start}AWSLogs/{account}/Ferryman/{region}/{written:%Y/%m/%d}/{name}"


def _compressed(batch: Batch) -> bytes:
    return gzip.compress(b'{"Records":[' + b",".join(line[:-1] for line in batch.lines) + b"]}", 6, mtime=0)


def _time(line: bytes) -> datetime:
    """Return when a record was made; the epoch if it does not say, also since somebody altered it."""
    try:
        record = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        return msgspec.json.decode(record.get("eventTime") or record["time"], type=datetime)
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return datetime.fromtimestamp(0, UTC)
