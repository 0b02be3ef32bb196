"""`/.well-known/ferryman`: what anyone may know about this server, so that a client can log in with its address alone.

The answer is made once and is the same for everyone, so it costs no more than any refusal. The listener limits how
often strangers connect (`listener.unauthenticated`).
"""

import hashlib
from collections.abc import Callable

import structlog
from aiohttp import web

from ferryman.model.failures import Failure

SECONDS_CACHED = 300
_log = structlog.get_logger("ferryman.server")


class Discovery:
    """The document, and its entity tag. `read` returns the document; it is called again by `reload`."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._keep(read())

    def reload(self) -> None:
        """Read the document again: the server's authority may have changed. If that fails, the old one stays."""
        try:
            self._keep(self._read())
        except Failure as failure:
            _log.warning("discovery document not reloaded", reason=failure.line)

    def _keep(self, document: bytes) -> None:
        self._body = document
        self._tag = hashlib.sha256(document).hexdigest()[:32]

    async def answer(self, request: web.Request) -> web.Response:
        """Return the document, or 304 if the caller has it."""
        headers = {"Cache-Control": f"public, max-age={SECONDS_CACHED}", "ETag": f'"{self._tag}"'}
        if any(each.value == self._tag for each in request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self._body, content_type="application/json", headers=headers)
