"""`ferryman activation create`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from ferryman.cli.api_options import EndpointOption, JsonOption, ProfileOption, RegionOption
from ferryman.cli.tables import print_json
from ferryman.plugin.api_client import Connection, connect

DEFAULT_ROLE = "FerrymanManagedNode"
"""CreateActivation requires a role's name; until roles come, nodes may do what nodes do, whatever it says."""

app = typer.Typer(help="Let machines register as managed nodes.", no_args_is_help=True)


@app.callback()
def _activation() -> None:
    """Keep `create` a subcommand, though it is the only one."""


@app.command("create")
def create(
    *,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many machines may register.")] = 1,
    hours: Annotated[float, typer.Option("--hours", min=0.1, max=720, help="How long the activation is valid.")] = 24,
    name: Annotated[str | None, typer.Option("--name", help="The name that its nodes get.", show_default=False)] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="A note for people.", show_default=False)
    ] = None,
    role: Annotated[str, typer.Option("--role", help="The IAM role that CreateActivation asks for.")] = DEFAULT_ROLE,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Make an activation and print the command that registers a machine by it. Its code is shown only now."""
    api = connect(Connection(profile, region, endpoint_url))
    expires = datetime.now(UTC) + timedelta(hours=hours)
    optional = {"DefaultInstanceName": name, "Description": description}
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
    typer.echo(f"Activation {answer['ActivationId']}, for {limit} registration(s), until {expires:%Y-%m-%d %H:%M} UTC.")
    typer.echo("On the machine, with ferryman[agent] installed, run:\n")
    typer.echo(f"  ferryman agent register --endpoint-url {api.endpoint_url} --region {api.client.meta.region_name} \\")
    typer.echo(f"    --activation-id {answer['ActivationId']} --activation-code {answer['ActivationCode']}")
    typer.echo("  ferryman agent run")
