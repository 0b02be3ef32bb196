"""`ferryman console`: the web console in a browser that is signed in by a link, which works once."""

import webbrowser
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ferryman.cli.options import EndpointOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import print_lines
from ferryman.client.calls.api import Api, Connection, connect
from ferryman.model.failures import Failure
from ferryman.model.values.hosts import is_loopback


def command(
    *,
    show: Annotated[bool, typer.Option("--print", help="Print the link instead of opening a browser.")] = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Open the web console in your browser, signed in as you are here.

    The link works once, within a minute. The browser may do what your credentials may, until they expire, you sign out,
    or the console was not used for a while.
    """
    link = console_link(connect(Connection(profile, region, endpoint_url), "ferryman"))
    if show:
        print_lines(link)
    elif webbrowser.open(link):
        print_lines("Your browser was opened. If it shows nothing, open this within a minute:", "", f"  {link}", "")
    else:
        print_lines("Open this in a browser within a minute. It works once:", "", f"  {link}", "")


def console_link(api: Api) -> str:
    """Return a link that signs a browser in, once. Raises Failure."""
    link = str(api.call("CreateConsoleLink")["ConsoleUrl"])
    try:
        parts = urlsplit(link)
        host = parts.hostname or ""
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or not link.isprintable() or not (parts.scheme == "https" or is_loopback(host)):
        raise Failure(
            "The console cannot be opened", "the server's address for it is not HTTPS", "Set server.public_url"
        )
    return link
