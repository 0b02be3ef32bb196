"""`ferryman user …`: users and access keys, in the store that the server's configuration names."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.bootstrap.configuration import load
from ferryman.bootstrap.operator import Parameters, run_recorded
from ferryman.bootstrap.service import with_service
from ferryman.cli.options import (
    DEFAULT_CONFIG,
    ConfigOption,
    JsonOption,
    OutputOption,
    QuietOption,
    WideOption,
    chosen_output,
)
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import Column, print_json, print_listing
from ferryman.cli.program.commands import App
from ferryman.model.arns import Arns
from ferryman.model.identity.callers import BuiltinRole
from ferryman.model.identity.credentials import Credentials
from ferryman.model.identity.users import AccessKey, User
from ferryman.model.values.timestamps import from_millis

if TYPE_CHECKING:
    from ferryman.core.service import Service

app = App(help="Manage users and access keys, on the server's machine.")
keys = App(help="Manage access keys.")
app.add_typer(keys, name="key")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
KeyArgument = Annotated[str, typer.Argument(metavar="ACCESS_KEY_ID", help="The access key's id.")]
RoleOption = Annotated[
    BuiltinRole, typer.Option("--role", help="operator: their own sessions; administrator: everything.")
]


@app.command("add")
def add(
    name: NameArgument,
    *,
    role: RoleOption = BuiltinRole.OPERATOR,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Create a user and an access key. Its secret is shown only once."""
    from ferryman.core.iam import operator as identities

    async def work(service: "Service") -> Credentials:
        await identities.create_user(service, name, role)
        return await identities.create_access_key(service, name)

    made = run_recorded(load(config), "user add", {"userName": name, "role": role.value}, work)
    _show_credentials(name, made, as_json=json)


@app.command("list")
def list_users(
    *,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List users and their access keys."""
    from ferryman.core.iam import operator as identities

    async def work(service: "Service") -> list[tuple[User, list[str], list[AccessKey]]]:
        return [
            (
                user,
                list(await identities.attached_policies(service, user)),
                list(await identities.list_access_keys(service, user.name)),
            )
            for user in await identities.list_users(service)
        ]

    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    loaded = load(config)
    account_id = loaded.configuration.server.account_id
    rows = with_service(loaded, work)
    print_listing(
        [Column("User"), Column("Policies", rank=1, is_prose=True), Column("Access keys", rank=2)],
        (
            [user.name, ", ".join(arn.rpartition("/")[2] for arn in policies), ", ".join(map(_key_text, held))]
            for user, policies, held in rows
        ),
        "There are no users.",
        how,
        documents=lambda: [
            {
                "name": user.name,
                "user_id": user.user_id,
                "arn": Arns(account_id, "").user(user.name, user.path),
                "policies": policies,
                "access_keys": [{"access_key_id": key.access_key_id, "active": key.active} for key in held],
            }
            for user, policies, held in rows
        ],
    )


@app.command("role")
def change_role(
    name: NameArgument,
    role: Annotated[BuiltinRole, typer.Argument(help="The new role.")],
    *,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Attach FerrymanOperator or FerrymanAdministrator to a user, and detach the other."""
    from ferryman.core.iam import operator as identities

    given: Parameters = {"userName": name, "role": role.value}
    run_recorded(load(config), "user role", given, lambda service: identities.set_role(service, name, role))
    print_lines(f"{name} is now {role.value}.")


@app.command("remove")
def remove(name: NameArgument, *, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Remove a user and all their access keys."""
    from ferryman.core.iam import operator as identities

    run_recorded(load(config), "user remove", {"userName": name}, lambda service: identities.delete_user(service, name))
    print_lines(f"Removed {name} and their access keys.")


@keys.command("add")
def add_key(name: NameArgument, *, json: JsonOption = False, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Create another access key for a user. Its secret is shown only once."""
    from ferryman.core.iam import operator as identities

    given: Parameters = {"userName": name}
    made = run_recorded(
        load(config), "user key add", given, lambda service: identities.create_access_key(service, name)
    )
    _show_credentials(name, made, as_json=json)


@keys.command("list")
def list_keys(
    name: NameArgument,
    *,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List a user's access keys."""
    from ferryman.core.iam import operator as identities

    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    held = with_service(load(config), lambda service: identities.list_access_keys(service, name))
    print_listing(
        [Column("Access key"), Column("State", is_state=True), Column("Last used", rank=1)],
        ([key.access_key_id, "active" if key.active else "disabled", _last_use(key)] for key in held),
        f"{name} has no access keys.",
        how,
        documents=lambda: [
            {"access_key_id": key.access_key_id, "active": key.active, "last_used": _last_use(key) or None}
            for key in held
        ],
    )


@keys.command("disable")
def disable_key(key: KeyArgument, *, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Disable an access key: calls signed with it are refused until you enable it again."""
    _set_active(config, key, active=False)
    print_lines(f"Disabled {key}.")


@keys.command("enable")
def enable_key(key: KeyArgument, *, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Enable a disabled access key again."""
    _set_active(config, key, active=True)
    print_lines(f"Enabled {key}.")


def _set_active(config: Path, key: str, *, active: bool) -> None:
    from ferryman.core.iam import operator as identities

    work = partial(identities.set_access_key_active, access_key_id=key, active=active)
    given: Parameters = {"accessKeyId": key}
    run_recorded(load(config), f"user key {'enable' if active else 'disable'}", given, work)


@keys.command("remove")
def remove_key(key: KeyArgument, *, config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Remove an access key permanently."""
    from ferryman.core.iam import operator as identities

    given: Parameters = {"accessKeyId": key}
    run_recorded(load(config), "user key remove", given, lambda service: identities.delete_access_key(service, key))
    print_lines(f"Removed {key}.")


def _last_use(key: AccessKey) -> str:
    """Return when a key last signed a call, to the minute, in UTC; nothing if it never did."""
    if key.last_use is None:
        return ""
    return from_millis(key.last_use.at).strftime("%Y-%m-%dT%H:%MZ")


def _key_text(key: AccessKey) -> str:
    return key.access_key_id if key.active else f"{key.access_key_id} (disabled)"


def _show_credentials(name: str, made: Credentials, *, as_json: bool) -> None:
    secret = made.secret_access_key.reveal()
    if as_json:
        print_json({"user": name, "access_key_id": made.access_key_id, "secret_access_key": secret})
        return
    print_lines(f"Access key of {name}, shown only once:", "")
    print_lines(f"  aws_access_key_id = {made.access_key_id}", f"  aws_secret_access_key = {secret}")
