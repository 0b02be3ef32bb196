"""Headers of every response below the console's path, whatever it answers: no page of another site can frame it, read
it, or make it load something from elsewhere."""

from aiohttp import web

from ferryman.server.http.app_keys import GATEWAY

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""The terminal needs inline styles, the player WebAssembly."""
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()",
}


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add them to a response below the console's path; unless it says otherwise, it is not cached."""
    path = request.app[GATEWAY].service.settings.console.path
    if request.path == path or request.path.startswith(f"{path}/"):
        response.headers.update(SECURITY_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
