"""The document in which a server says how to log in: bounded, and fit to be written into a configuration file."""

import json
from typing import Any

import pytest

from ferryman.wire.discovery import (
    LARGEST,
    InvalidDescription,
    LoginOffer,
    ServerDescription,
    decode_description,
    encode_description,
)

ROLE = "arn:aws:iam::123456789012:role/team/People"
OFFER = LoginOffer("https://id.example.com", "cli", (ROLE,), "openid email", "email")
DESCRIPTION = ServerDescription(1, "0.1.0", "us-east-1", "123456789012", "ab" * 32, "-----BEGIN", OFFER)


def test_a_description_is_read_as_it_was_written() -> None:
    assert decode_description(encode_description(DESCRIPTION)) == DESCRIPTION


def test_members_of_later_versions_are_ignored() -> None:
    later = json.loads(encode_description(DESCRIPTION)) | {"motd": "hello"}
    assert decode_description(json.dumps(later).encode()) == DESCRIPTION


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"region": "us-east-1\nca_bundle = /tmp/x"},
        {"account_id": "12"},
        {"ca_sha256": "AB"},
        {"login": {"issuer": "https://id\n[default]", "client_id": "cli"}},
        {"login": {"issuer": "https://id", "client_id": "c\x1b[2J"}},
        {"login": {"issuer": "https://id", "client_id": "c", "roles": ["root"]}},
        {"login": {"issuer": "https://id", "client_id": "c", "roles": [ROLE] * 21}},
        {"login": {"issuer": "https://id"}},
        {"product_version": "1" * 2000},
    ],
)
def test_invalid_descriptions_are_refused(change: dict[str, Any]) -> None:
    document = json.loads(encode_description(DESCRIPTION)) | change
    with pytest.raises(InvalidDescription):
        decode_description(json.dumps(document).encode())


def test_a_large_document_is_refused_unread() -> None:
    with pytest.raises(InvalidDescription, match="larger"):
        decode_description(b"[" * (LARGEST + 1))
