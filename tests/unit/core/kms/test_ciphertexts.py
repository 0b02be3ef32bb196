"""Ciphertext blobs: they open with their own material and context, and nothing else."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferryman.core.kms.encryption.ciphertexts import (
    LEAST_BYTES,
    BlobKey,
    NotACiphertext,
    key_of_blob,
    material_id,
    seal,
    unseal,
)

MATERIAL, OTHER = b"m" * 32, b"o" * 32
UNDER = BlobKey("01234567-89ab-4def-8123-456789abcdef", 7)
CONTEXTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4)


@given(st.binary(max_size=200), CONTEXTS)
def test_a_blob_opens_with_its_context(plaintext: bytes, context: dict[str, str]) -> None:
    blob = seal(MATERIAL, UNDER, plaintext, context, os.urandom)
    assert len(blob) == len(plaintext) + LEAST_BYTES == len(plaintext) + 65
    assert key_of_blob(blob) == UNDER
    assert unseal(MATERIAL, blob, dict(reversed(context.items()))) == plaintext
    with pytest.raises(NotACiphertext):
        unseal(OTHER, blob, context)


@given(CONTEXTS, CONTEXTS)
def test_no_other_context_opens_it(context: dict[str, str], other: dict[str, str]) -> None:
    blob = seal(MATERIAL, UNDER, b"x", context, os.urandom)
    if context != other:
        with pytest.raises(NotACiphertext):
            unseal(MATERIAL, blob, other)


@pytest.mark.parametrize(
    "other", [{"ab": "c"}, {"a": "bc", "": ""}, {"a": "b", "c": ""}, {"a": ""}, {"": "abc"}, {"abc": ""}, {}]
)
def test_contexts_of_the_same_characters_differ(other: dict[str, str]) -> None:
    blob = seal(MATERIAL, UNDER, b"x", {"a": "bc"}, os.urandom)
    with pytest.raises(NotACiphertext):
        unseal(MATERIAL, blob, other)


def opened(blob: bytes) -> bytes:
    """What a blob holds, if it names the key."""
    key_of_blob(blob)
    return unseal(MATERIAL, blob, {"a": "b"})


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    blob = bytearray(seal(MATERIAL, UNDER, b"plaintext", {"a": "b"}, os.urandom))
    blob[place % len(blob)] ^= change
    with pytest.raises(NotACiphertext):
        opened(bytes(blob))


def test_what_is_too_short_or_of_another_version_names_no_key() -> None:
    blob = seal(MATERIAL, UNDER, b"", {}, os.urandom)
    for other in (b"", blob[:-1], b"\0" + blob[1:], b"\2" + blob[1:]):
        with pytest.raises(NotACiphertext):
            key_of_blob(other)


def test_each_blob_has_a_key_of_its_own() -> None:
    """With the same nonce for both, equal plaintexts under one key would have equal ciphertexts."""
    salts = iter([b"a" * 16, b"b" * 16])
    one, two = (seal(MATERIAL, UNDER, b"same", {}, lambda _: next(salts) + bytes(12)) for _ in range(2))
    assert one[49:] != two[49:]


def test_the_id_of_material_is_not_the_material() -> None:
    assert material_id(MATERIAL) == material_id(MATERIAL) != material_id(OTHER)
    assert MATERIAL.hex() not in material_id(MATERIAL)
    assert len(material_id(MATERIAL)) == 64
