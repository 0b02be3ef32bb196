"""Signing in at an OpenID Connect provider, and exchanging its ID token for credentials of a role."""

import asyncio
import os
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferryman.cli.output.printing import print_error
from ferryman.client.calls.api import Connection
from ferryman.client.calls.web_identity import Files
from ferryman.client.login.cache import Kept, LoginCache
from ferryman.client.login.login_settings import Login
from ferryman.model.failures import Failure
from ferryman.model.identity.session_names import NAMING_CLAIMS, session_name

if TYPE_CHECKING:
    from ferryman.client.login.oidc import Tokens
    from ferryman.transport.fetch import Documents


async def sign_in(files: Files, connection: Connection, wanted: Login, *, device: bool) -> Kept:
    """Sign a person in, in the browser or on another `device`, and assume the role. Raises Failure."""
    from ferryman.client.login.oidc import discover, sign_in_with_browser, sign_in_with_device
    from ferryman.client.login.redirect import Redirect

    async with _documents() as documents:
        provider = await discover(documents, wanted.issuer)
        client = wanted.client()
        if device:
            tokens = await sign_in_with_device(documents, provider, client, _show_code, asyncio.sleep)
        else:
            async with Redirect(wanted.redirect_port) as redirect:
                tokens = await sign_in_with_browser(documents, provider, client, redirect, _open_browser)
        return await _exchange(files, connection, wanted, tokens)


async def renew(path: Path, profile: str, connection: Connection, wanted: Login, kept: Kept) -> Kept:
    """Assume the role again with the refresh token, and keep what comes of it. Raises Failure."""
    from ferryman.client.login.oidc import discover, refresh
    from ferryman.model.values.secret import Secret

    async with _documents() as documents:
        provider = await discover(documents, wanted.issuer)
        client = wanted.client()
        tokens = await refresh(documents, provider, client, Secret(kept.refresh_token or ""))
        renewed = await _exchange(Files(path), connection, wanted, tokens)
    LoginCache(path, profile).write(renewed)
    return renewed


async def _exchange(files: Files, connection: Connection, wanted: Login, tokens: "Tokens") -> Kept:
    from ferryman.client.calls.web_identity import assume_role

    name = named_session(tokens.claims, wanted.session_claim)
    signed_in = await asyncio.to_thread(
        assume_role, connection, wanted.role_arn, name, tokens.id_token, wanted.duration_seconds, files
    )
    return Kept.of(wanted.binding(connection.endpoint_url or ""), signed_in, tokens.refresh_token)


def named_session(claims: Mapping[str, Any], claim: str) -> str:
    """Return the session's name from the ID token; raises Failure if it has none."""
    name = session_name(claims, claim)
    if name is not None:
        return name
    asked = claim or ", ".join(NAMING_CLAIMS)
    raise Failure(
        "The session has no name", f"the ID token has no string in {asked}", "Choose one with --session-claim"
    )


def _documents() -> "Documents":
    from ferryman.client.login.discovery import USER_AGENT
    from ferryman.transport.fetch import Documents

    bundle = os.environ.get("AWS_CA_BUNDLE")
    return Documents(user_agent=USER_AGENT, ca_file=None if not bundle else Path(bundle))


async def _open_browser(url: str) -> None:
    opened = await asyncio.to_thread(webbrowser.open, url)
    said = "Your browser was opened. If it shows nothing, open" if opened else "Open this in a browser on this machine:"
    print_error(said, "", f"  {url}", "", "To sign in on another device, press Ctrl-C and use --device.")


def _show_code(url: str, code: str) -> None:
    print_error(f"Open this on any device. If it asks for a code, type {code}:", "", f"  {url}", "")
