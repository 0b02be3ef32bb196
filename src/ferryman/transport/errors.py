"""How a connection fails, named for what the caller can do about it."""


class Unreachable(Exception):
    """Nobody answered: no route, refused, timed out, TLS not trusted. Worth another try later."""


class CertificateRefused(Unreachable):
    """The server's certificate is not trusted: another try brings nothing until somebody changes something."""


class UpgradeRefused(Unreachable):
    """The server answered the WebSocket upgrade with another status than 101."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class ConnectionLost(Exception):
    """The socket is gone. `code` is the peer's close code, 1006 when it sent none; `reason` is for logs."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"connection lost ({code}){': ' + reason if reason else ''}")
        self.code = code
        self.reason = reason
