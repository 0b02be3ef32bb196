"""Connection errors, named for what the caller can do about them."""

from ferryman.model.errors import Unfetchable


class Unreachable(Exception):
    """The server did not answer: no route, refused, timed out, TLS not trusted. Try again later."""


class CertificateRefused(Unreachable):
    """The server's certificate is not trusted. Retrying does not help until the certificate or the trust changes."""


class UntrustedCertificate(Unfetchable):
    """A document cannot be fetched because the server's certificate is not trusted."""


class NothingAnswered(Unfetchable):
    """A document cannot be fetched because its server was not reached."""


class UpgradeRefused(Unreachable):
    """The server answered the WebSocket upgrade with another status than 101."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ConnectionLost(Exception):
    """The connection is lost. `code` is the peer's close code, 1006 when it sent none; `reason` is for logs."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"connection lost ({code}){': ' + reason if reason else ''}")
        self.code = code
        self.reason = reason
