"""A sink of the audit trail that posts records to a collector over HTTP, signed by a shared secret.

The body is the trail's lines as they are on disk (JSON lines), so that a receiver can verify the chain.
"""

import hmac
from hashlib import sha256

from ferryman.audit.follower import Batch
from ferryman.audit.sinks.sink import Deliver, Outlet, raise_unless_accepted
from ferryman.core.ports.runtime import Clock
from ferryman.model.values.secret import Secret

TIMESTAMP, SIGNATURE = "Ferryman-Timestamp", "Ferryman-Signature"
FIRST, LAST = "Ferryman-First-Sequence", "Ferryman-Last-Sequence"


def deliver_to_webhook(outlet: Outlet, raw_path: str, raw_query: str, secret: Secret, clock: Clock) -> Deliver:
    """Return a function that posts a batch to `raw_path`; each attempt has its own timestamp and signature."""

    async def deliver(batch: Batch) -> None:
        body = b"".join(batch.lines)
        now = str(clock() // 1000)
        headers = {
            "Content-Type": "application/x-ndjson",
            TIMESTAMP: now,
            SIGNATURE: signature(secret, now, body),
            FIRST: str(batch.first.sequence),
            LAST: str(batch.last.sequence),
        }
        raise_unless_accepted(await outlet.send("POST", raw_path, raw_query, headers, body, None))

    return deliver


def signature(secret: Secret, timestamp: str, body: bytes) -> str:
    """Return `v1=` and HMAC-SHA256, in hex, under the secret, of the timestamp (in seconds), a dot and the body."""
    return "v1=" + hmac.new(secret.reveal().encode(), timestamp.encode() + b"." + body, sha256).hexdigest()
