"""Choosing a node on a terminal."""

import pytest

from ferryman.cli.client.picker import Choice, pick_node
from ferryman.client.calls.targets import Target
from ferryman.model.failures import Failure

WEB = Target("mi-00000000000000001", "web-1", computer_name="ip-10-0-0-1")
DB = Target("mi-00000000000000002", "db-1")
OLD = Target("mi-00000000000000003", "a-web", online=False)
HOSTILE = Target("mi-00000000000000004", "x\x1b[2Jy")


def pressed(*keys: str) -> Choice:
    choice = Choice([OLD, DB, WEB])
    for key in keys:
        choice.press(key)
    return choice


def test_nodes_that_are_online_come_first() -> None:
    assert pressed().matching() == [DB, WEB, OLD]


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        (["enter"], DB),
        (["down", "enter"], WEB),
        (["up", "enter"], OLD),
        (["down", "down", "down", "enter"], DB),
        (["w", "e", "b", "enter"], WEB),
        ([*"10-0-0", "enter"], WEB),
        ([*"WEB 3", "enter"], OLD),
        (["x", "erase", "enter"], DB),
        ([*"xyz", "clear", "enter"], DB),
        (["down", "w", "enter"], WEB),  # typing marks the first match again
    ],
)
def test_typing_filters_and_arrows_move(keys: list[str], chosen: Target) -> None:
    assert pressed(*keys).chosen == chosen


def test_enter_without_a_match_chooses_nothing() -> None:
    assert pressed(*"nothing", "down", "enter").chosen is None


def test_the_marked_node_is_always_shown_and_lines_fit() -> None:
    choice = Choice([Target(f"mi-{n:017x}", f"node-{n:03}") for n in range(100)])
    for _ in range(60):
        choice.press("down")
        lines = choice.lines(80, 12, coloured=False)
        assert len(lines) < 12
        assert max(map(len, lines)) <= 80
        assert [line for line in lines if line.startswith("> ")] == [
            next(line for line in lines if f"node-{choice.marked:03}" in line)
        ]


def test_names_cannot_steer_the_terminal() -> None:
    assert all(line.isprintable() for line in Choice([HOSTILE]).lines(80, 24, coloured=False))


def test_without_a_terminal_it_says_how_to_name_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(Failure, match="Name one: `ferryman nodes`"):
        pick_node([WEB])
