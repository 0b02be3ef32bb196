"""The links that DescribeSessions shows as OutputUrl."""

from urllib.parse import quote

MOST_CHARACTERS = 2083
"""AWS's limit of both links."""


def s3_url(endpoint_url: str | None, region: str, bucket: str, key: str) -> str | None:
    """Return the URL of an object; None if it would be too long."""
    if endpoint_url is not None:
        return _short(f"{endpoint_url.rstrip('/')}/{bucket}/{quote(key)}")
    if "." in bucket:  # a certificate's * does not match dots
        return _short(f"https://s3.{region}.amazonaws.com/{bucket}/{quote(key)}")
    return _short(f"https://{bucket}.s3.{region}.amazonaws.com/{quote(key)}")


def log_stream_url(endpoint_url: str | None, region: str, group: str, stream: str) -> str | None:
    """Return the link to a log stream in CloudWatch's console, or the same at an endpoint; None if it is too long."""
    base = f"https://{region}.console.aws.amazon.com" if endpoint_url is None else endpoint_url.rstrip("/")
    names = f"{_encoded(group)}/log-events/{_encoded(stream)}"
    return _short(f"{base}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{names}")


def _encoded(name: str) -> str:
    """Return a name as the console writes it: percent-encoded twice, with $ for %."""
    return quote(quote(name, safe=""), safe="").replace("%", "$")


def _short(url: str) -> str | None:
    return url if len(url) <= MOST_CHARACTERS else None
