"""A node as a row of a table."""

from collections.abc import Mapping
from typing import Any

from ferryman.cli.tables import instant

COLUMNS = ("Node", "Status", "Name", "Computer", "Address", "Platform", "Agent", "Last seen")


def cells(row: Mapping[str, Any]) -> list[str]:
    """Return a node, a row of DescribeInstanceInformation, under `COLUMNS`."""
    return [
        row["InstanceId"],
        row.get("PingStatus", ""),
        row.get("Name", ""),
        row.get("ComputerName", ""),
        row.get("IPAddress", ""),
        f"{row.get('PlatformName', '')} {row.get('PlatformVersion', '')}".strip(),
        row.get("AgentVersion", ""),
        instant(row, "LastPingDateTime"),
    ]
