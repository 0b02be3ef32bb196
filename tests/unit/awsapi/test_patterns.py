"""The models' patterns: what they cost, and Unicode's categories."""

import sys
import time
import unicodedata
from collections.abc import Iterator

import pytest
from botocore.model import Shape

from ferryman.awsapi import patterns
from ferryman.awsapi.models import operation_model
from ferryman.awsapi.patterns import matches
from ferryman.server.operations.registry import BY_ANYONE, BY_CALLER, BY_NODE_KEY

TAG_KEY = r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"


def served_patterns() -> Iterator[str]:
    for service, operation in {**BY_CALLER, **BY_NODE_KEY, **BY_ANYONE}:
        model = operation_model(service, operation)
        assert model is not None
        if model.input_shape is not None:
            yield from _patterns(model.input_shape, frozenset())


def _patterns(shape: Shape, above: frozenset[str]) -> Iterator[str]:
    if shape.name in above:
        return
    if shape.metadata.get("pattern"):
        yield shape.metadata["pattern"]
    inner: list[Shape] = []
    if shape.type_name == "structure":
        inner = list(shape.members.values())
    elif shape.type_name == "list":
        inner = [shape.member]
    elif shape.type_name == "map":
        inner = [shape.key, shape.value]
    for each in inner:
        yield from _patterns(each, above | {shape.name})


def test_the_first_match_of_every_pattern_is_quick() -> None:
    """The first call with tags would hold up everybody: three categories by Python's `re` took 1.2 s."""
    found = set(served_patterns())
    assert TAG_KEY in found
    patterns._compiled.cache_clear()
    longest = 0.0
    for pattern in found:
        began = time.process_time()
        matches(pattern, "team")
        longest = max(longest, time.process_time() - began)
    assert longest < 0.3  # 20 ms here, most of it RE2's start


def test_categories_are_unicodes() -> None:
    """Characters that this Python's Unicode does not know yet may be letters to RE2."""
    differing = []
    for point in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        if category not in ("Cn", "Cs") and matches(r"[\p{L}\p{Z}\p{N}]", chr(point)) != (category[0] in "LZN"):
            differing.append(hex(point))
    assert not differing


@pytest.mark.parametrize(
    ("text", "fits"),
    [("", True), ("team", True), ("größe", True), ("a b", True), ("a\nb", False), ("a\n", False), ("a#", False)],
)
def test_keys_of_tags(text: str, fits: bool) -> None:
    assert matches(TAG_KEY, text) is fits


def test_half_a_surrogate_pair_fits_no_category() -> None:
    assert not matches(TAG_KEY, "\ud800")
