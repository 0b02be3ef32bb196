"""What counts as a change of a node."""

from datetime import UTC, datetime
from typing import Any

from ferryman.cli.manage.node_watch import changes, table

NODE: dict[str, Any] = {"InstanceId": "mi-1", "PingStatus": "Online", "AgentVersion": "1.0", "LastPingDateTime": 1}
OTHER = {**NODE, "InstanceId": "mi-2"}


def known(*rows: dict[str, Any]) -> dict[str, Any]:
    return {row["InstanceId"]: row for row in rows}


def test_new_nodes_are_changes() -> None:
    assert list(changes({}, [NODE, OTHER])) == [NODE, OTHER]
    assert list(changes(known(NODE), [NODE, OTHER])) == [OTHER]


def test_a_status_and_a_version_are_changes() -> None:
    lost, newer = {**NODE, "PingStatus": "ConnectionLost"}, {**OTHER, "AgentVersion": "1.1"}
    assert list(changes(known(NODE, OTHER), [lost, newer])) == [lost, newer]


def test_being_heard_of_again_is_none() -> None:
    again = {**NODE, "LastPingDateTime": datetime(2026, 1, 1, tzinfo=UTC)}
    assert list(changes(known(NODE), [again])) == []


def test_a_departed_peer_is_reported_once() -> None:
    assert list(changes(known(NODE, OTHER), [NODE])) == [{**OTHER, "PingStatus": "Deregistered"}]
    assert list(changes(known(NODE), [NODE])) == []


def test_the_table_is_one_line_a_node_and_fits() -> None:
    rows = [{**NODE, "InstanceId": f"mi-{n:017x}", "ComputerName": f"web-{n}.example.org"} for n in range(40)]
    lines = table([*rows, {**NODE, "InstanceId": "mi-lost", "PingStatus": "ConnectionLost"}], "", 80, 24)
    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("mi-lost")
    assert "41 nodes, 1 ConnectionLost, 40 Online, 21 not shown" in lines[-1]
