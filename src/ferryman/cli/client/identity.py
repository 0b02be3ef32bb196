"""`ferryman whoami | status`: the identity and the server that commands use, and an overview of that server."""

from collections import Counter
from collections.abc import Callable

import typer

from ferryman.cli.contexts import described
from ferryman.cli.options import EndpointOption, JsonOption, ProfileOption, RegionOption
from ferryman.cli.output.printing import print_lines
from ferryman.cli.output.tables import print_json
from ferryman.client.calls.api import Api, Connection, Refused, connect
from ferryman.model.failures import counted

PAGE = 50


def whoami(
    context: typer.Context,
    *,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Print the user or role that commands call the server as, the server, and which context says so."""
    api = connect(Connection(profile, region, endpoint_url), "sts")
    caller = api.call("GetCallerIdentity")
    if json:
        print_json({member: caller[member] for member in ("Arn", "UserId", "Account")})
    else:
        print_lines(caller["Arn"], _server(api, context, profile))


def status(
    context: typer.Context,
    *,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """Show which server commands talk to and as whom, how many nodes are online, and your sessions."""
    connection = Connection(profile, region, endpoint_url)
    api = connect(connection)
    caller = connect(connection, "sts").call("GetCallerIdentity")["Arn"]
    print_lines(f"Server    {_server(api, context, profile)}", f"Caller    {caller}")
    print_lines(
        f"Nodes     {_or_refusal(lambda: _nodes(api))}", f"Sessions  {_or_refusal(lambda: _sessions(api, caller))}"
    )


def _server(api: Api, context: typer.Context, profile: str | None) -> str:
    return f"{api.endpoint_url} ({described(context, profile)})"


def _or_refusal(look: Callable[[], str]) -> str:
    """Return the result, or why it cannot be shown: a caller may be allowed one and not the other."""
    try:
        return look()
    except Refused as refused:
        return f"not shown ({refused.code})"


def _nodes(api: Api) -> str:
    rows = list(api.pages("DescribeInstanceInformation", "InstanceInformationList", MaxResults=PAGE))
    sums = Counter(str(row.get("PingStatus")) for row in rows)
    return ", ".join([counted(len(rows), "node"), *(f"{count} {name}" for name, count in sorted(sums.items()))])


def _sessions(api: Api, caller: str) -> str:
    mine = [{"key": "Owner", "value": caller}]
    rows = list(api.pages("DescribeSessions", "Sessions", State="Active", Filters=mine))
    return f"{counted(len(rows), 'session')} of yours active"
