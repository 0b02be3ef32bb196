"""Whatever a call's parameters are, what is recorded of them keeps to its bytes and stays JSON."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ferryman.core.audit.redaction import LONGEST_TEXT, SHOWN, TOO_LARGE, recorded, text

texts = st.text(max_size=3) | st.builds(lambda piece, times: piece * times, st.text(max_size=3), st.integers(0, 3000))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=60,
)
names = st.sampled_from([*sorted(SHOWN)[:30], "Parameters", "Role", "Novelty"]) | texts
members = st.dictionaries(names, values, max_size=40)


@given(members, st.sampled_from([64, 1000, 4096, 16 * 1024]))
def test_members_keep_to_their_bytes(given: dict[str, Any], most_bytes: int) -> None:
    encoded = msgspec.json.encode(recorded(given, most_bytes))
    assert len(encoded) <= most_bytes
    msgspec.json.decode(encoded)


@given(texts, st.integers(8, LONGEST_TEXT))
def test_a_text_keeps_to_its_bytes(value: str, most_bytes: int) -> None:
    encoded = msgspec.json.encode(text(value, most_bytes))
    assert len(encoded) - 2 <= most_bytes
    plain = value.encode(errors="replace").decode()
    if len(msgspec.json.encode(plain)) - 2 <= most_bytes:
        assert text(value, most_bytes) == plain


def test_small_members_are_kept_beside_large_ones() -> None:
    large = {"Filters": ["x" * 1000] * 50, "Tags": ["y" * 1000] * 50, "Description": "z" * 1000, "Name": "n" * 1000}
    found = recorded(large | {"Target": "mi-1", "Reason": "why"}, 4096)
    assert (found["target"], found["reason"]) == ("mi-1", "why")
    assert TOO_LARGE in found.values()
    assert list(found) == ["filters", "tags", "description", "name", "target", "reason"]


def test_a_list_is_cut_where_its_bytes_end() -> None:
    found = recorded({"Tags": ["x" * 500] * 40}, 4096)["tags"]
    assert found[0] == "x" * 500
    assert found[-1] == "… 40"
