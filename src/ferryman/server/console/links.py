"""Links that sign a browser in once: a small page that posts the token of its own address."""

from importlib.resources import files
from typing import Annotated

import msgspec
from aiohttp import hdrs, web
from msgspec import Meta

from ferryman.core.console.browser_sessions import token_hash
from ferryman.core.console.links import use_console_link
from ferryman.server.console.cookie import require_safe_transport
from ferryman.server.console.json import read_json
from ferryman.server.console.sign_in import sign_in
from ferryman.server.http.app_keys import GATEWAY

_PAGE = files("ferryman.server.console").joinpath("link.html").read_text()
_DIRECT_PAGE = _PAGE.replace('data-direct="no"', 'data-direct="yes"')
_SCRIPT = files("ferryman.server.console").joinpath("link.js").read_text()


class LinkSignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The token of a link."""

    token: Annotated[str, Meta(min_length=1, max_length=128)]


async def link_page(request: web.Request) -> web.Response:
    """Return the page. It signs in immediately only if the person opened the link themselves, from no other page: else
    one could sign them in as somebody else, unnoticed."""
    is_direct = request.headers.get("Sec-Fetch-Site", "none") == "none"
    return web.Response(
        text=_DIRECT_PAGE if is_direct else _PAGE,
        content_type="text/html",
        headers={hdrs.VARY: "Sec-Fetch-Site"},
    )


async def link_script(request: web.Request) -> web.Response:
    """Return the page's script."""
    return web.Response(text=_SCRIPT, content_type="text/javascript")


async def sign_in_with_link(request: web.Request) -> web.Response:
    """Use a link up and sign the browser in as whoever created it."""
    given = await read_json(request, LinkSignIn)
    require_safe_transport(request)
    service = request.app[GATEWAY].service
    claim = "link " + token_hash(given.token).hex()[:16]
    return await sign_in(request, claim, "link", lambda: use_console_link(service, given.token))
