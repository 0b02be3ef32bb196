"""`ferryman activation create | list | delete`."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from ferryman.cli.contexts import own_variable
from ferryman.cli.manage.nodes import parse_tags
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
from ferryman.client.calls.api import Api, Connection, connect
from ferryman.model.failures import counted

DEFAULT_ROLE = "FerrymanManagedNode"
"""CreateActivation requires the name of a role; it does not affect what nodes may do."""

PAGE = 50
"""The most rows on one page of DescribeActivations."""

app = App(help="Let machines register as managed nodes.")


@app.command("create")
def create(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many machines may register.")] = 1,
    hours: Annotated[float, typer.Option("--hours", min=0.1, max=720, help="How long the activation is valid.")] = 24,
    name: Annotated[str | None, typer.Option("--name", help="The name its nodes get.", show_default=False)] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="A note for people.", show_default=False)
    ] = None,
    role: Annotated[str, typer.Option("--role", help="The IAM role that CreateActivation requires.")] = DEFAULT_ROLE,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="A tag its nodes get, KEY=VALUE; repeatable.", show_default=False),
    ] = None,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Create an activation and print the command that registers a machine with it. Its code is shown only once."""
    tags = parse_tags(tag or [])
    api = connect(Connection(profile, region, endpoint_url))
    expires = datetime.now(UTC) + timedelta(hours=hours)
    optional = {"DefaultInstanceName": name, "Description": description, "Tags": tags or None}
    answer = api.call(
        "CreateActivation",
        IamRole=role,
        RegistrationLimit=limit,
        ExpirationDate=expires,
        **{member: value for member, value in optional.items() if value is not None},
    )
    if json:
        print_json(
            {member: answer[member] for member in ("ActivationId", "ActivationCode")} | {"ExpirationDate": expires}
        )
        return
    until = f"{expires:%Y-%m-%d %H:%M} UTC"
    print_lines(f"Created activation {answer['ActivationId']} for {counted(limit, 'machine')}, valid until {until}.")
    authority = _authority(api, own_variable(context, "AWS_CA_BUNDLE"))
    if authority:
        print_lines(f"The machine must trust the server's authority: copy {authority} to the same place there first.")
    print_lines("On the machine, with ferryman[agent] installed, run:", "")
    # Not as an argument: every user of the machine could see it.
    code = f"FERRYMAN_ACTIVATION_CODE={answer['ActivationCode']}"
    server = f"--endpoint-url {api.endpoint_url} --region {api.client.meta.region_name}"
    register = f"ferryman agent register {server}"
    if authority:
        register += f" --ca-file {shlex.quote(authority)}"
    print_lines(f"  {code} \\")
    print_lines(f"  {register} \\")
    print_lines(f"    --activation-id {answer['ActivationId']}")
    print_lines("  ferryman agent run")
    print_lines("", "If you use sudo, leave out the first line and type the code when register asks for it.")
    print_lines("Or, as root, install it as a service in one line, for example on every machine of a fleet:", "")
    steps = (
        "ferryman agent install",
        f"{register} --activation-id {answer['ActivationId']}",
        "ferryman agent install --start",
    )
    print_lines(f"  {code} sh -c '{' && '.join(steps)}'")


def _authority(api: Api, bundle: str | None) -> str | None:
    """Return the CA file of the profile or context, which a node needs, too.

    `bundle` is the person's own AWS_CA_BUNDLE, which is for everything on this machine.
    """
    return None if not api.endpoint_url.startswith("https:") or api.ca_file == bundle else api.ca_file


@app.command("list")
def list_activations(
    *,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List activations, newest first."""
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    api = connect(Connection(profile, region, endpoint_url))
    rows = list(api.pages("DescribeActivations", "ActivationList", MaxResults=PAGE))
    print_listing(
        [
            Column("Activation"),
            Column("State", is_state=True),
            Column("Registered", rank=1),
            Column("Name"),
            Column("Tags", rank=3, is_prose=True),
            Column("Expires", rank=2),
            Column("Description", rank=4, is_prose=True),
        ],
        (
            [
                row["ActivationId"],
                _state(row),
                f"{row['RegistrationsCount']} of {row['RegistrationLimit']}",
                row.get("DefaultInstanceName", ""),
                ", ".join(f"{each['Key']}={each['Value']}" for each in row.get("Tags", ())),
                instant(row, "ExpirationDate"),
                row.get("Description", ""),
            ]
            for row in rows
        ),
        "There are no activations. Create one with `ferryman activation create`.",
        how,
        documents=lambda: rows,
    )


def _state(row: Mapping[str, Any]) -> str:
    if row["Expired"]:
        return "Expired"
    return "Used up" if row["RegistrationsCount"] >= row["RegistrationLimit"] else "Valid"


@app.command("delete")
def delete(
    activation_ids: Annotated[list[str], typer.Argument(help="The activations to delete, by id.", show_default=False)],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Delete activations. They can no longer register nodes; the nodes they registered stay."""
    api = connect(Connection(profile, region, endpoint_url))
    for each in activation_ids:
        api.call("DeleteActivation", ActivationId=each)
        print_lines(f"Deleted activation {each}.")
