"""A node as a row of a table."""

from collections.abc import Mapping
from typing import Any

from ferryman.cli.output.tables import Column, instant

COLUMNS = (
    Column("Node"),
    Column("Status", is_state=True),
    Column("Name"),
    Column("Computer", rank=1),
    Column("Address", rank=3),
    Column("Platform", rank=4),
    Column("Agent", rank=5),
    Column("Last seen", rank=2),
)


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
