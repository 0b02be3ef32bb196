from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from ferryman.client.calls.targets import Target, find_nodes, named
from ferryman.model.failures import Failure

WEB = Target("mi-00000000000000001", "web-1.example.org")
DB = Target("mi-00000000000000002", "DB")
OLD = Target("mi-00000000000000003", "db", online=False)
TWINS = [Target(f"mi-0000000000000001{n}", "twin") for n in range(7)]
KNOWN = [WEB, DB, OLD, *TWINS]


@pytest.mark.parametrize(
    ("name", "node"),
    [("web-1.example.org", WEB), ("web-1", WEB), ("WEB-1", WEB), ("db", DB)],
)
def test_a_name_means_a_node(name: str, node: Target) -> None:
    assert named(name, KNOWN) == node


def test_a_whole_name_goes_before_a_first_label() -> None:
    short = Target("mi-00000000000000009", "web-1")
    assert named("web-1", [WEB, short]) == short


def test_an_offline_node_is_used_if_no_other_has_the_name() -> None:
    assert named("db", [WEB, OLD]) == OLD


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("web-2", r"did you mean web-1\.example\.org\."),
        ("twn", r"did you mean twin\."),
        ("nothing-of-the-kind", "neither a node's id, name, nor tag"),
        ("", "neither"),
        ("twin", "7 nodes are called twin"),
    ],
)
def test_a_likely_intention_is_suggested(name: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        named(name, KNOWN)


def test_a_name_of_many_lists_the_first() -> None:
    with pytest.raises(Failure, match=r"mi-00000000000000010 \(twin, online\).*, …") as failure:
        named("twin", KNOWN)
    assert TWINS[-1].node_id not in str(failure.value)


def calling_itself(number: int, computer_name: str, *, online: bool = True, name: str = "") -> Target:
    """A node as it is without a name of an administrator's, or with one."""
    return Target(f"mi-000000000000001{number:02}", name or computer_name, online, computer_name, is_given=bool(name))


REAL = calling_itself(1, "db-1.example.org")
HOSTILE = calling_itself(2, "db-1")


def test_a_node_is_found_by_the_name_that_only_it_reports() -> None:
    assert named("db-1.example.org", [REAL, WEB]) == REAL
    assert named("DB-1", [REAL, WEB]) == REAL


@pytest.mark.parametrize("online", [True, False])
def test_a_self_reported_name_does_not_resolve_on_a_tie(online: bool) -> None:
    """Neither the whole name nor being online decides: a hostile node can choose both."""
    real = replace(REAL, online=online)
    for wanted, known in (
        ("db-1", [real, HOSTILE]),
        ("db-1", [HOSTILE, real]),
        ("db-1.example.org", [real, calling_itself(3, "DB-1.example.org")]),
    ):
        with pytest.raises(Failure, match="2 nodes report the name") as failure:
            named(wanted, known)
        assert real.node_id in str(failure.value)


@pytest.mark.parametrize("given", ["db-1", "db-1.example.org"])
@pytest.mark.parametrize("online", [True, False])
def test_a_self_reported_name_does_not_shadow_one_of_an_administrator(given: str, online: bool) -> None:
    node = Target("mi-00000000000000030", given, online, "ip-10-0-0-1")
    assert named("db-1", [HOSTILE, node]) == node
    assert named("db-1", [node, HOSTILE, calling_itself(3, "db-1")]) == node


def test_a_named_node_is_also_found_by_what_it_calls_itself() -> None:
    node = calling_itself(4, "db-1", name="web-9")
    assert named("db-1", [node, WEB]) == node
    with pytest.raises(Failure, match="2 nodes report the name db-1"):
        named("db-1", [node, REAL])


def test_an_ambiguous_name_lists_what_tells_the_nodes_apart() -> None:
    one = replace(calling_itself(5, "ip-10-0-0-5", name="web"), address="10.0.0.5")
    two = replace(calling_itself(6, "ip-10-0-0-6", name="web"), address="10.0.0.6")
    with pytest.raises(Failure) as failure:
        named("web", [one, two])
    assert f"{one.node_id} (web, reports ip-10-0-0-5, 10.0.0.5, online)" in failure.value.line
    assert f"{two.node_id} (web, reports ip-10-0-0-6, 10.0.0.6, online)" in failure.value.line


class Rows:
    """The API, as far as names need it: rows of DescribeInstanceInformation."""

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rows = rows

    def pages(self, operation: str, member: str, **_: object) -> Sequence[dict[str, Any]]:
        assert (operation, member) == ("DescribeInstanceInformation", "InstanceInformationList")
        return self._rows


def test_rows_tell_who_set_a_name() -> None:
    api: Any = Rows(
        [
            {"InstanceId": "mi-00000000000000001", "Name": "web", "ComputerName": "ip-1", "PingStatus": "Online"},
            {"InstanceId": "mi-00000000000000002", "ComputerName": "web", "PingStatus": "Online"},
            {"InstanceId": "mi-00000000000000003", "PingStatus": "Online"},
        ]
    )
    assert [node.node_id for node in find_nodes(api, ["web"])] == ["mi-00000000000000001"]
    web, impostor, nameless = find_nodes(api, ["tag:role=web"])
    assert (web.name, web.is_given) == ("web", True)
    assert (impostor.name, impostor.is_given) == (impostor.node_id, False)  # where both are shown, only one is web
    assert nameless.name == nameless.node_id
