"""What the server's certificate is checked by."""

import ssl
from pathlib import Path

from ferryman.agent.state import StateUnusable
from ferryman.transport.http import trust


def server_trust(endpoint: str, ca_file: Path | str | None) -> ssl.SSLContext | None:
    """Return the trust for an `https` endpoint, None for any other; raises `StateUnusable` for an unusable CA file."""
    if not endpoint.startswith("https:"):
        return None
    try:
        return trust(Path(ca_file) if ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise StateUnusable(f"cannot use the CA file {ca_file}: {error}") from error
