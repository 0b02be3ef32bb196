"""Which authorities the server's certificate is checked against."""

from pathlib import Path

from ferryman.agent.identity.faults import StateUnusable
from ferryman.model.failures import said_by
from ferryman.transport.trust import Trust


def server_trust(endpoint: str, ca_file: Path | str | None) -> Trust | None:
    """Return the trust for an `https` endpoint, None for any other; raises `StateUnusable` for an unusable CA file."""
    if not endpoint.startswith("https:"):
        return None
    try:
        return Trust(Path(ca_file) if ca_file else None)
    except OSError as error:  # ssl.SSLError is one
        raise StateUnusable(f"cannot use the CA file {ca_file}: {said_by(error)}") from error
