"""The agent's scheme with keys of our own; the recorded signature is in test_vectors."""

from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ferryman.model.identifiers import NodeId
from ferryman.signing import rsa, sigv4
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.errors import InvalidSignature

NOW = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)
NODE = NodeId("mi-0123456789abcdef0")
HEADERS = [
    ("Host", "localhost:8022"),
    ("Content-Type", "application/x-amz-json-1.1"),
    ("X-Amz-Target", "AmazonSSM.RequestManagedInstanceRoleToken"),
]
PLAIN = SignableRequest("POST", "/", "", HEADERS, b'{"Fingerprint":"f"}')


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture
def signed(key: RSAPrivateKey) -> SignableRequest:
    return replace(PLAIN, headers=[*HEADERS, *rsa.sign_rsa(PLAIN, NODE, key, "test-1", NOW).items()])


def test_what_is_signed_verifies_by_the_registered_key(key: RSAPrivateKey, signed: SignableRequest) -> None:
    registered = rsa.encode_public_key(key)
    assert len(registered) == 392
    presented = sigv4.parse(signed)
    assert rsa.is_rsa(presented)
    assert len(presented.signature) == 344
    assert presented.access_key_id == NODE
    assert presented.signed_headers == ("content-type", "host", "x-amz-date", "x-amz-target")
    sigv4.verify_scope(presented, "test-1", "ssm")
    rsa.verify_rsa(signed, presented, rsa.decode_public_key(registered), NOW)


def test_another_key_is_refused(signed: SignableRequest) -> None:
    with pytest.raises(InvalidSignature):
        rsa.verify_rsa(signed, sigv4.parse(signed), generate_private_key(65537, 2048).public_key(), NOW)


def test_another_body_is_refused_by_signature_and_by_digest(key: RSAPrivateKey, signed: SignableRequest) -> None:
    with pytest.raises(InvalidSignature):
        rsa.verify_rsa(replace(signed, body=b"{}"), sigv4.parse(signed), key.public_key(), NOW)


def test_false_body_digest_is_refused(key: RSAPrivateKey, signed: SignableRequest) -> None:
    headers = [(name, "00" if name == "X-Amz-Content-Sha256" else value) for name, value in signed.headers]
    with pytest.raises(InvalidSignature, match="x-amz-content-sha256"):
        rsa.verify_rsa(replace(signed, headers=headers), sigv4.parse(signed), key.public_key(), NOW)


@pytest.mark.parametrize("signature", ["x", "é", "AAAA", "=", "A" * 344])
def test_an_invalid_signature_is_refused(key: RSAPrivateKey, signed: SignableRequest, signature: str) -> None:
    with pytest.raises(InvalidSignature):
        rsa.verify_rsa(signed, replace(sigv4.parse(signed), signature=signature), key.public_key(), NOW)


def test_default_port_is_signed_and_not_sent(key: RSAPrivateKey) -> None:
    with_port = replace(PLAIN, headers=[("Host", "ssm.example:443"), *HEADERS[1:]])
    added = rsa.sign_rsa(with_port, NODE, key, "test-1", NOW)
    sent = replace(PLAIN, headers=[("Host", "ssm.example"), *HEADERS[1:], *added.items()])
    rsa.verify_rsa(sent, sigv4.parse(sent), key.public_key(), NOW)


def test_a_user_is_not_mistaken_for_a_node(signed: SignableRequest) -> None:
    for name in ("AKIAEXAMPLE000000000", "mi-0123456789ABCDEF0", "mi-0123456789abcdef01", "mi-"):
        assert not rsa.is_rsa(replace(sigv4.parse(signed), access_key_id=name))


def der(key: ec.EllipticCurvePublicKey) -> str:
    return b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def test_anything_but_an_rsa_key_is_refused(key: RSAPrivateKey) -> None:
    small = rsa.encode_public_key(generate_private_key(65537, 1024))  # noqa: S505 weak on purpose
    cut = b64encode(b64decode(rsa.encode_public_key(key))[:-5]).decode()
    curve = der(ec.generate_private_key(ec.SECP256R1()).public_key())
    for text in ("", "é", "AAAA", "not base64!", small, cut, curve):
        with pytest.raises(ValueError, match=r"\w"):
            rsa.decode_public_key(text)
