"""`ferryman invitation create | list | revoke`: how new people get their access key."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.options import (
    EndpointOption,
    JsonOption,
    OutputOption,
    ProfileOption,
    QuietOption,
    RegionOption,
    WideOption,
    chosen_output,
)
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import Column, instant, print_json, print_listing
from ferryman.cli.program.commands import App
from ferryman.client.calls.api import Api, Connection, connect, refused_as
from ferryman.client.login.invitations import InvitationAddress
from ferryman.model.failures import Failure
from ferryman.model.values.secret import Secret

OPERATOR_POLICY = "arn:aws:iam::aws:policy/FerrymanOperator"

app = App(help="Invite people to the server, from any machine.")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@app.command("create")
def invite(
    name: NameArgument,
    *,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="A group to put the user in; repeatable.", show_default=False),
    ] = None,
    hours: Annotated[float, typer.Option("--hours", min=0.1, max=168, help="How long the invitation is valid.")] = 24,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Invite someone: print an address with which they get an access key, once. Creates the user if necessary.

    A new user without --group gets the policy FerrymanOperator.
    """
    iam = connect(Connection(profile, region, endpoint_url), "iam")
    for each in group or []:
        _check_group(iam, each)
    created = _create_user(iam, name)
    try:
        _give_access(iam, name, group or [], created=created)
        answer = _own(iam, profile).call("CreateInvitation", UserName=name, DurationSeconds=int(hours * 3600))
    except Failure:
        if created:
            _remove_user(iam, name)
        raise
    made = answer["Invitation"]
    address = InvitationAddress(
        iam.endpoint_url, made["InvitationId"], Secret(answer["InvitationToken"]), _authority(iam.ca_file)
    )
    if json:
        print_json({**made, "Url": address.url})
        return
    if created:
        print_lines(f"Created the user {name}.")
    until = instant(made, "ExpirationDate")
    print_lines(
        f"Invitation {made['InvitationId']} for {name}, valid once and until {until}. Send this to them alone:", ""
    )
    print_lines(f"  ferryman login '{address.url}'")
    print_lines("", f"Revoke it with: ferryman invitation revoke {name} {made['InvitationId']}")


@app.command("list")
def list_invitations(
    name: NameArgument,
    *,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List a user's invitations that were not used yet."""
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    iam = connect(Connection(profile, region, endpoint_url), "iam")
    rows = _own(iam, profile).call("ListInvitations", UserName=name)["Invitations"]
    print_listing(
        [Column("Invitation"), Column("Expires", rank=1), Column("Created by", rank=2)],
        ([row["InvitationId"], instant(row, "ExpirationDate"), row["CreatedBy"]] for row in rows),
        f"{name} has no invitations.",
        how,
        documents=lambda: rows,
    )


@app.command("revoke")
def revoke(
    name: NameArgument,
    invitation: Annotated[str, typer.Argument(metavar="INVITATION_ID", help="The invitation's id.")],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Revoke an invitation: nobody can use it from now on."""
    iam = connect(Connection(profile, region, endpoint_url), "iam")
    _own(iam, profile).call("DeleteInvitation", UserName=name, InvitationId=invitation)
    print_lines(f"Revoked {invitation}.")


def _check_group(iam: Api, group: str) -> None:
    """Raise Failure for a group that does not exist. Who may not read groups may still be allowed to fill them."""
    try:
        iam.call("GetGroup", GroupName=group)
    except Failure as failure:
        if refused_as(failure) not in {"AccessDenied", "AccessDeniedException"}:
            raise


def _create_user(iam: Api, name: str) -> bool:
    """Create the user unless it exists; return whether it was created."""
    try:
        iam.call("CreateUser", UserName=name)
    except Failure as failure:
        if refused_as(failure) != "EntityAlreadyExists":
            raise
        return False
    return True


def _give_access(iam: Api, name: str, groups: list[str], *, created: bool) -> None:
    for group in groups:
        iam.call("AddUserToGroup", UserName=name, GroupName=group)
    if created and not groups:
        iam.call("AttachUserPolicy", UserName=name, PolicyArn=OPERATOR_POLICY)


def _remove_user(iam: Api, name: str) -> None:
    """Remove a user that was created for an invitation that could not be made, so that nothing of it is left.

    What the caller may not remove stays; the first failure is the one to report.
    """
    with contextlib.suppress(Failure):
        for group in iam.call("ListGroupsForUser", UserName=name)["Groups"]:
            iam.call("RemoveUserFromGroup", UserName=name, GroupName=group["GroupName"])
        for policy in iam.call("ListAttachedUserPolicies", UserName=name)["AttachedPolicies"]:
            iam.call("DetachUserPolicy", UserName=name, PolicyArn=policy["PolicyArn"])
        iam.call("DeleteUser", UserName=name)


def _own(iam: Api, profile: str | None) -> Api:
    """Return Ferryman's own operations on the same server: profiles made for earlier versions do not name them."""
    return connect(Connection(profile, iam.region, iam.endpoint_url), "ferryman")


def _authority(ca_file: str | None) -> str:
    """Return the fingerprint of the profile's authority, "" if it has none or several."""
    from ferryman.transport.trust import certificate_fingerprint

    if not ca_file:
        return ""
    try:
        return certificate_fingerprint(Path(ca_file).read_text("ascii"))
    except (OSError, ValueError):
        return ""
