"""A server's offer to people who log in: whether to trust the server, and which of its roles to assume."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ferryman.cli.output.printing import print_error
from ferryman.client.login.aws_config import config_file, profiles, read_config, read_profile
from ferryman.client.login.contexts import configuration_directory, read_contexts
from ferryman.client.login.server_address import name_of, server_url
from ferryman.client.login.service_endpoints import read_endpoint
from ferryman.model.failures import Failure

if TYPE_CHECKING:
    from ferryman.client.login.discovery import Discovered


def find_server(address: str, ca_fingerprint: str | None, ca_file: Path | None) -> "Discovered":
    """Ask the server at an address how to log in; a person, or `ca_fingerprint`, confirms its authority.

    Raises Failure.
    """
    from ferryman.client.login.discovery import discover
    from ferryman.transport.trust import parse_fingerprint, spaced

    url = server_url(address)
    expected = None
    if ca_fingerprint is not None:
        try:
            expected = spaced(parse_fingerprint(ca_fingerprint))
        except ValueError as error:
            raise Failure(
                f"{ca_fingerprint!r} is not a fingerprint", str(error), "Ask your administrator for it"
            ) from error

    def confirm(url: str, fingerprint: str) -> bool:
        return _ask(url, fingerprint) if expected is None else fingerprint == expected

    return asyncio.run(discover(url, ca_file, confirm))


def offered_settings(found: "Discovered", role: str | None, given: Mapping[str, str]) -> dict[str, str]:
    """Return the profile's settings: those given, and the server's for the others. Raises Failure."""
    settings = dict(given)
    offer = found.description.login
    if offer is None:
        if {"ferryman_issuer", "ferryman_client_id", "ferryman_role_arn"} <= set(given):
            return settings
        raise Failure(
            f"{found.url} does not offer a login in the browser",
            "its configuration has no [login]",
            "Ask your administrator for an invitation, or pass --issuer, --client-id and --role-arn",
        )
    settings.setdefault("ferryman_issuer", offer.issuer)
    settings.setdefault("ferryman_client_id", offer.client_id)
    if offer.scopes:
        settings.setdefault("ferryman_scopes", offer.scopes)
    if offer.session_claim:
        settings.setdefault("ferryman_session_claim", offer.session_claim)
    if "ferryman_role_arn" not in settings:
        settings["ferryman_role_arn"] = _choose_role(offer.roles, role)
    return settings


def free_name(url: str) -> str:
    """Return the name for a server's profile and context. Raises Failure if another server has it: names are shortened,
    so two addresses may have the same.
    """
    name = name_of(url)
    known = read_contexts().contexts.get(name)
    if known is not None and known.server.rstrip("/") != url:
        raise Failure(f"The context {name} is another server's", known.server, "Choose another name with --profile")
    return name


def confirm_provider(url: str, settings: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Ask before a sign-in that another server of this person could be entered with. Raises Failure.

    A server that names the provider and the client id of another one gets an ID token that the other accepts, too.
    Several servers of one organisation do that rightly; a hostile one does it to act as the person elsewhere.
    """
    if {"ferryman_issuer", "ferryman_client_id"} <= set(given):
        return
    text = read_config(config_file())
    for profile in profiles(text):
        present = read_profile(text, profile)
        if any(present.get(name) != settings[name] for name in ("ferryman_issuer", "ferryman_client_id")):
            continue
        other = read_endpoint(text, profile)
        if other is None or other.rstrip("/") == url:
            continue
        cause = f"{url} names the provider and client id of {other}, your profile {profile}"
        if not _can_ask():
            raise Failure("The sign-in is not begun", cause, "If that is right, pass --issuer and --client-id")
        print_error(f"{cause}.", f"Whoever runs {url} could then act as you at {other}, too.")
        if not typer.confirm("Do you trust it with that?", default=False, err=True):
            raise Failure("The sign-in is not begun", cause, "Ask your administrator whether that is right")
        return


def refuse_without_server(options: Mapping[str, object]) -> None:
    """Raise Failure if an option was given that has no meaning without the server's address."""
    for name, value in options.items():
        if value is not None:
            raise Failure(
                f"{name} needs the server's address",
                "it selects from what that server offers",
                "Run `ferryman login URL`",
            )


def ca_path(profile: str) -> Path:
    """Return where the certificate of a profile's authority is kept."""
    return configuration_directory() / "ca" / f"{profile}.pem"


def _choose_role(roles: tuple[str, ...], wanted: str | None) -> str:
    names = {arn.partition(":role/")[2]: arn for arn in roles}
    if wanted is not None:
        found = [arn for name, arn in names.items() if wanted in {name, name.rpartition("/")[2], arn}]
        if len(found) == 1:
            return found[0]
        raise Failure(
            f"The server offers no role {wanted}", f"it offers {', '.join(names) or 'none'}", "Choose one of those"
        )
    if len(roles) == 1:
        return roles[0]
    if not roles:
        raise Failure("The server does not say which role to assume", "its [login] names none", "Pass --role-arn")
    if not _can_ask():
        raise Failure("The server offers several roles", ", ".join(names), "Choose one with --role")
    print_error(
        "The server offers these roles:", "", *(f"  {number}. {name}" for number, name in enumerate(names, 1)), ""
    )
    while True:
        number: int = typer.prompt("Number", type=int, err=True)
        if 1 <= number <= len(roles):
            return roles[number - 1]
        print_error(f"Choose a number from 1 to {len(roles)}.")


def _ask(url: str, fingerprint: str) -> bool:
    if not _can_ask():
        raise Failure(
            f"The certificate of {url} is issued by an authority that this machine does not know",
            f"the server says that its SHA-256 fingerprint is {fingerprint}",
            "If your administrator confirms that, pass it as --ca-fingerprint",
        )
    print_error(
        f"{url} has a certificate of its own authority, which this machine does not know.",
        "The authority's SHA-256 fingerprint is",
        "",
        f"  {fingerprint}",
        "",
        "Compare it with the one that your administrator tells you. If they differ, someone is listening in.",
    )
    return bool(typer.confirm("Is it the same?", default=False, err=True))


def _can_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
