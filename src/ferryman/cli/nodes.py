"""`ferryman nodes`."""

from ferryman.cli.api_options import EndpointOption, JsonOption, ProfileOption, RegionOption
from ferryman.cli.tables import instant, print_json, print_table
from ferryman.plugin.api_client import Connection, connect

PAGE = 50
"""The most nodes that DescribeInstanceInformation answers at once."""


def command(
    *,
    json: JsonOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
) -> None:
    """List managed nodes and whether they are online."""
    api = connect(Connection(profile, region, endpoint_url))
    rows = list(api.pages("DescribeInstanceInformation", "InstanceInformationList", MaxResults=PAGE))
    if json:
        print_json(rows)
        return
    print_table(
        ["Node", "Status", "Name", "Computer", "Address", "Platform", "Agent", "Last seen"],
        (
            [
                row["InstanceId"],
                row.get("PingStatus", ""),
                row.get("Name", ""),
                row.get("ComputerName", ""),
                row.get("IPAddress", ""),
                f"{row.get('PlatformName', '')} {row.get('PlatformVersion', '')}".strip(),
                row.get("AgentVersion", ""),
                instant(row, "LastPingDateTime"),
            ]
            for row in rows
        ),
        "No nodes are registered. Make an activation with `ferryman activation create`.",
    )
