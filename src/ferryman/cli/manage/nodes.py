"""`ferryman nodes`, and `ferryman nodes show | rename | deregister | tag`."""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import typer

from ferryman.cli.manage.node_rows import COLUMNS, cells
from ferryman.cli.node_names import check_node_name
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
from ferryman.cli.output.tables import instant, print_json, print_listing
from ferryman.cli.program.commands import App
from ferryman.client.calls.api import Api, Connection, connect
from ferryman.client.calls.targets import all_nodes, find_node, find_nodes
from ferryman.model.failures import Failure, counted
from ferryman.model.tags import NAME_TAG

PAGE = 50
"""The most nodes on one page of DescribeInstanceInformation."""
RESOURCE_TYPE = "ManagedInstance"
_NONE = "No nodes are registered. Create an activation with `ferryman activation create`."
_NO_MATCH = "No nodes match."

app = App(
    help="List, watch, name, tag and deregister managed nodes.", invoke_without_command=True, no_args_is_help=False
)

TagsOption = Annotated[
    list[str] | None,
    typer.Option("--tag", help="Only nodes with this tag, KEY=VALUE or KEY; repeatable.", show_default=False),
]
StatusOption = Annotated[
    Literal["Online", "ConnectionLost", "Inactive"] | None,
    typer.Option("--status", help="Only nodes with this status.", show_default=False),
]
NodeArgument = Annotated[str, typer.Argument(help="A node's id or name, or tag:KEY=VALUE.", show_default=False)]


@app.callback()
def command(
    context: typer.Context,
    *,
    tag: TagsOption = None,
    status: StatusOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running and show changes, until interrupted.")] = False,
    interval: Annotated[float, typer.Option("--interval", min=1, help="With --watch: seconds between updates.")] = 2,
    output: OutputOption = "table",
    wide: WideOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List managed nodes and whether they are online."""
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    how = chosen_output(output, wide=wide, json=json, quiet=quiet)
    if watch and how not in ("table", "json"):
        raise typer.BadParameter("--watch shows a table, or lines of JSON with --json")
    api = connect(Connection(profile, region, endpoint_url))
    filters = _filters(tag or [], status)
    if watch:
        from ferryman.cli.manage.node_watch import watch_nodes

        watch_nodes(lambda: list_nodes(api, filters), interval, as_json=how == "json")
        return
    rows = list_nodes(api, filters)
    print_listing(COLUMNS, map(cells, rows), _NO_MATCH if filters else _NONE, how, documents=lambda: rows)


app.command("list", help="List managed nodes: the same as `ferryman nodes`.")(command)


def list_nodes(api: Api, filters: Sequence[Mapping[str, object]]) -> list[Mapping[str, Any]]:
    """Return every node that matches, in order of id. Calls the server."""
    more = {"Filters": filters} if filters else {}
    return list(api.pages("DescribeInstanceInformation", "InstanceInformationList", MaxResults=PAGE, **more))


@app.command("show")
def show(
    node: NodeArgument,
    *,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Show one node: what it reports about itself, its tags, and the sessions on it."""
    api = connect(Connection(profile, region, endpoint_url))
    node_id = find_node(api, node).node_id
    rows = list_nodes(api, [{"Key": "InstanceIds", "Values": [node_id]}])
    if not rows:
        raise Failure(f"{node_id} is not registered", "it may have been deregistered", "List nodes: `ferryman nodes`")
    tags = _tags_of(api, node_id)
    on_it = [{"key": "Target", "value": node_id}]
    sessions = list(api.pages("DescribeSessions", "Sessions", State="Active", Filters=on_it))
    if json:
        print_json({**rows[0], "Tags": tags, "Sessions": sessions})
        return
    row = rows[0]
    lines = list(zip((column.title for column in COLUMNS), cells(row), strict=True))
    lines += [
        ("Registered", instant(row, "RegistrationDate")),
        ("Activation", row.get("ActivationId", "")),
        ("Role", row.get("IamRole", "")),
        *(("Tag", f"{key}={value}") for key, value in tags.items()),
        *(
            ("Session", f"{each['SessionId']} {each['Status']}, since {instant(each, 'StartDate')}")
            for each in sessions
        ),
    ]
    for name, value in lines:
        print_lines(f"{name:<11} {value}".rstrip())


@app.command("deregister")
def deregister(
    nodes: Annotated[list[str], typer.Argument(help="Ids, names, or tag:KEY=VALUE.", show_default=False)],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Deregister nodes. Their sessions end, and their agents can no longer connect."""
    api = connect(Connection(profile, region, endpoint_url))
    found = find_nodes(api, nodes)
    if not yes:
        if not sys.stdin.isatty():
            raise Failure("Nothing was deregistered", "there is no terminal to ask for confirmation on", "Add --yes")
        for each in found:
            print_lines(each.node_id if each.name == each.node_id else f"{each.node_id} {each.name}")
        if not typer.confirm(
            f"Deregister {counted(len(found), 'node')}? To bring a node back, you must register it again."
        ):
            raise typer.Exit(1)
    for each in found:
        api.call("DeregisterManagedInstance", InstanceId=each.node_id)
        print_lines(f"Deregistered {each.node_id}.")


@app.command("rename")
def rename(
    node: NodeArgument,
    name: Annotated[str, typer.Argument(help="The new name.", show_default=False)],
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Name a node, by setting its tag Name. The name takes precedence over what the node reports."""
    check_node_name(name)
    api = connect(Connection(profile, region, endpoint_url))
    found = find_node(api, node)
    others = [each for each in all_nodes(api) if each.is_given and each.name.lower() == name.lower()]
    for each in others:
        if each.node_id != found.node_id:
            raise Failure(f"{each.node_id} is already called {each.name}", "names are unique", "Choose another name")
    tag = [{"Key": NAME_TAG, "Value": name}]
    api.call("AddTagsToResource", ResourceType=RESOURCE_TYPE, ResourceId=found.node_id, Tags=tag)
    print_lines(f"{found.node_id} is now called {name}.")


@app.command("tag")
def tag_nodes(
    node: NodeArgument,
    tags: Annotated[list[str] | None, typer.Argument(help="Tags to set, KEY=VALUE.", show_default=False)] = None,
    *,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="The key of a tag to remove; repeatable.")
    ] = None,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Set and remove tags on a node, or on every node that a tag matches, and print the resulting tags."""
    given = parse_tags(tags or [])
    api = connect(Connection(profile, region, endpoint_url))
    for each in find_nodes(api, [node]):
        of_it = {"ResourceType": RESOURCE_TYPE, "ResourceId": each.node_id}
        if given:
            api.call("AddTagsToResource", **of_it, Tags=given)
        if remove:
            api.call("RemoveTagsFromResource", **of_it, TagKeys=remove)
        for key, value in _tags_of(api, each.node_id).items():
            print_lines(f"{each.node_id} {key}={value}")


def parse_tags(given: Sequence[str]) -> list[dict[str, str]]:
    """Return tags, each KEY=VALUE, as the API expects them; raises Failure for an invalid one."""
    parsed = []
    for each in given:
        key, equals, value = each.partition("=")
        if not key or not equals:
            raise Failure(f"{each!r} is not a valid tag", "it must be KEY=VALUE")
        parsed.append({"Key": key, "Value": value})
    return parsed


def _tags_of(api: Api, node_id: str) -> dict[str, str]:
    answer = api.call("ListTagsForResource", ResourceType=RESOURCE_TYPE, ResourceId=node_id)
    return {each["Key"]: each["Value"] for each in answer["TagList"]}


def _filters(tags: Sequence[str], status: str | None) -> list[dict[str, object]]:
    filters: list[dict[str, object]] = []
    for each in tags:
        key, equals, value = each.partition("=")
        filters.append({"Key": f"tag:{key}", "Values": [value]} if equals else {"Key": "tag-key", "Values": [key]})
    if status is not None:
        filters.append({"Key": "PingStatus", "Values": [status]})
    return filters


def _refuse_options(context: typer.Context) -> None:
    """Raise Failure for options before the subcommand, which would have no effect."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            subcommand = context.invoked_subcommand
            raise Failure(
                f"--{name.replace('_', '-')} has no effect before {subcommand!r}",
                "it is an option of the list of nodes",
                f"Put the options of {subcommand} after it",
            )
