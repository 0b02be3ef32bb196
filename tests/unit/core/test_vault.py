"""What is sealed opens with the same key, purpose and context only."""

import os

import pytest

from ferryman.core.vault import Unsealable, Vault

VAULT = Vault(bytes(range(32)), os.urandom)


def test_what_is_sealed_opens() -> None:
    for plaintext in (b"", b"x", os.urandom(5000)):
        sealed = VAULT.seal("p", plaintext, b"context")
        assert len(sealed) == len(plaintext) + 32
        assert VAULT.open("p", sealed, b"context") == plaintext
        assert Vault(bytes(range(32)), os.urandom).open("p", sealed, b"context") == plaintext


def test_the_same_text_never_seals_alike() -> None:
    assert len({VAULT.seal("p", b"x") for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("vault", "purpose", "context"),
    [(VAULT, "q", b"context"), (VAULT, "p", b""), (Vault(bytes(32), os.urandom), "p", b"context")],
)
def test_another_key_purpose_or_context_does_not_open(vault: Vault, purpose: str, context: bytes) -> None:
    with pytest.raises(Unsealable):
        vault.open(purpose, VAULT.seal("p", b"x", b"context"), context)


def test_nothing_cut_or_altered_opens() -> None:
    sealed = VAULT.seal("p", b"some text")
    for at in range(len(sealed)):
        for wrong in (sealed[:at], sealed[:at] + bytes([sealed[at] ^ 0x80]) + sealed[at + 1 :]):
            with pytest.raises(Unsealable):
                VAULT.open("p", wrong)
    with pytest.raises(Unsealable):
        VAULT.open("p", sealed + b"\0")


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_the_key_has_thirty_two_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(bytes(length), os.urandom)
