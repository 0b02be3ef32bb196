"""Forms of ids."""

import re

import pytest

from ferryman.model.identifiers import NODE_ID_PATTERN, hex_digits, new_node_id, new_session_id

ENTROPY = bytes.fromhex("0123456789abcdef01")


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("alice", "alice"),
        ("a.b@c_d+e=f,g-h", "a.b@c_d+e=f,g-h"),
        ("../../etc", ".._.._etc"),
        ("é ü\n\0", "_____"),
        ("", ""),
        ("n" * 200, "n" * 78),
    ],
)
def test_a_session_id_is_a_safe_name_and_seventeen_digits(name: str, prefix: str) -> None:
    session_id = new_session_id(name, ENTROPY)
    assert session_id == f"{prefix}-0123456789abcdef0"
    assert len(session_id) <= 96
    assert re.fullmatch(r"[A-Za-z0-9_+=,.@-]*-[0-9a-f]{17}", session_id)


def test_a_node_id_matches_its_pattern() -> None:
    assert NODE_ID_PATTERN.fullmatch(new_node_id(ENTROPY))


def test_too_little_entropy_is_an_error() -> None:
    with pytest.raises(ValueError, match="17 hex digits need 9 bytes, got 8"):
        hex_digits(bytes(8), 17)
