import json
from pathlib import Path
from typing import Any

import pytest

from ferryman.channel.ciphers import Unopenable
from ferryman.channel.encryption import OVERHEAD, client_cipher, node_cipher, open_sealed, seal, split

ALL: list[dict[str, Any]] = json.loads((Path(__file__).parents[2] / "vectors" / "client.json").read_text())
VECTORS = [vector for vector in ALL if vector["kind"] == "aes_gcm"]
BY_NAME = {vector["name"]: vector for vector in ALL}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_vectors(vector: dict[str, Any]) -> None:
    keys = split(bytes.fromhex(vector["data_key_hex"]))
    key = keys.node if vector["name"].endswith("to_client") else keys.client
    assert key == bytes.fromhex(vector["key_hex"])
    plaintext, sealed = bytes.fromhex(vector["plaintext_hex"]), bytes.fromhex(vector["hex"])
    assert open_sealed(key, sealed) == plaintext
    assert seal(key, plaintext, bytes.fromhex(vector["nonce_hex"])) == sealed


@pytest.mark.parametrize(
    ("name", "plaintext"),
    [("input_stream_data_output_encrypted", b"whoami"), ("output_stream_data_output_encrypted", b"hello")],
)
def test_captured_payloads(name: str, plaintext: bytes) -> None:
    keys = split(bytes(range(64)))
    key = keys.client if name.startswith("input") else keys.node
    assert open_sealed(key, bytes.fromhex(BY_NAME[name]["payload_hex"])) == plaintext


@pytest.mark.parametrize("position", [0, 12, -1])
def test_a_changed_payload_does_not_open(position: int) -> None:
    sealed = bytearray(seal(bytes(32), b"secret", bytes(12)))
    sealed[position] ^= 1
    with pytest.raises(Unopenable):
        open_sealed(bytes(32), bytes(sealed))


def test_another_key_does_not_open() -> None:
    with pytest.raises(Unopenable):
        open_sealed(b"k" * 32, seal(bytes(32), b"secret", bytes(12)))


@pytest.mark.parametrize("size", [0, 11, OVERHEAD - 1])
def test_a_text_that_is_too_short_does_not_open(size: int) -> None:
    """Such a payload kills the reader of AWS's client (client.md §9)."""
    with pytest.raises(Unopenable):
        open_sealed(bytes(32), bytes(size))


def test_an_empty_payload_is_all_overhead() -> None:
    sealed = seal(bytes(32), b"", bytes(12))
    assert len(sealed) == OVERHEAD
    assert open_sealed(bytes(32), sealed) == b""


def test_sizes_are_checked() -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        split(bytes(63))
    with pytest.raises(ValueError, match="12 bytes"):
        seal(bytes(32), b"x", bytes(8))


def test_keys_do_not_show() -> None:
    assert "\\x00" not in repr(split(bytes(64)))


def test_each_ends_cipher_opens_what_the_other_sealed() -> None:
    data_key = bytes(range(64))
    node, client = node_cipher(data_key, bytes(12)), client_cipher(data_key, bytes(12))
    sealed = node.seal(b"$ ")
    assert (client.open(sealed), node.reopen(sealed)) == (b"$ ", b"$ ")
    assert node.open(client.seal(b"ls")) == b"ls"
    with pytest.raises(Unopenable):
        node.open(sealed)


def test_no_nonce_is_used_twice_not_even_at_the_last_number() -> None:
    cipher = node_cipher(bytes(64), b"\xff" * 12)
    nonces = [cipher.seal(b"")[:12] for _ in range(3)]
    assert nonces == [b"\xff" * 12, bytes(12), b"\x01" + bytes(11)]
