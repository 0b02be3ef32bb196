import pytest

from ferryman.model.failures import Failure
from ferryman.plugin.target import Target, named

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


def test_a_node_that_is_offline_is_meant_if_there_is_no_other() -> None:
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
def test_what_was_meant_is_said(name: str, said: str) -> None:
    with pytest.raises(Failure, match=said):
        named(name, KNOWN)


def test_a_name_of_many_lists_the_first() -> None:
    with pytest.raises(Failure, match=r"mi-00000000000000010 \(twin\).*, …") as failure:
        named("twin", KNOWN)
    assert TWINS[-1].node_id not in str(failure.value)
