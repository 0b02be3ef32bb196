"""The agent's RSA request signature (`protocol/agent.md` §1.10): SigV4 whose last step is RSASSA-PSS."""

from base64 import b64decode, b64encode
from datetime import datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature as KeyRejects
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from ferryman.model.identifiers import NODE_ID_PATTERN, NodeId
from ferryman.signing.authorization import draft
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.errors import SignatureMismatch
from ferryman.signing.parsed_signature import ParsedSignature
from ferryman.signing.verification import check_body_digest, check_current, strings_to_sign

SERVICE = "ssm"
KEY_BITS = range(2048, 4097)
_SALT_BYTES = 32


def is_rsa(parsed: ParsedSignature) -> bool:
    """Tell whether the signer names itself by a node id, that is, signs with its RSA key."""
    return NODE_ID_PATTERN.fullmatch(parsed.access_key_id) is not None


def sign_rsa(
    request: SignableRequest, node_id: NodeId, private_key: RSAPrivateKey, region: str, now: datetime
) -> dict[str, str]:
    """Return the headers to add to `request`: Authorization, X-Amz-Date and X-Amz-Content-Sha256 (not signed).

    Signs every header of `request`, which must include Host, except those that HTTP clients and proxies rewrite. The
    scope's service is `ssm`. `now` is in UTC. Raises ValueError when Host is missing or a header to sign is there
    twice.
    """
    unsigned = draft(request, region, SERVICE, now)
    signature = private_key.sign(unsigned.to_sign.encode(), PSS(MGF1(SHA256()), _SALT_BYTES), SHA256())
    digest = {"X-Amz-Content-Sha256": sha256(request.body).hexdigest()}
    return digest | unsigned.headers(node_id, b64encode(signature).decode())


def verify_rsa(request: SignableRequest, parsed: ParsedSignature, public_key: RSAPublicKey, now: datetime) -> None:
    """Return if the holder of `public_key`'s private half signed `request` and the signature is current at `now`.

    `now` is in UTC. Raises `InvalidSignature`; the scope is judged by `sigv4.verify_scope`.
    """
    check_current(parsed, now)
    try:
        signature = b64decode(parsed.signature, validate=True)
    except ValueError as error:
        raise SignatureMismatch from error
    if not any(_holds(public_key, signature, to_sign) for to_sign in strings_to_sign(request, parsed)):
        raise SignatureMismatch
    check_body_digest(request)


def _holds(public_key: RSAPublicKey, signature: bytes, to_sign: str) -> bool:
    try:
        public_key.verify(
            signature, to_sign.encode(errors="surrogateescape"), PSS(MGF1(SHA256()), _SALT_BYTES), SHA256()
        )
    except KeyRejects:
        return False
    return True


def encode_public_key(private_key: RSAPrivateKey) -> str:
    """Return the public half as nodes register it: base64 of DER SubjectPublicKeyInfo, 392 characters for 2048 bits."""
    return b64encode(private_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def decode_public_key(text: str) -> RSAPublicKey:
    """Return a registered public key; raises ValueError unless `text` is an RSA key of 2048 to 4096 bits."""
    try:
        key = load_der_public_key(b64decode(text, validate=True))
    except UnsupportedAlgorithm as error:
        raise ValueError("the public key is of an unknown kind") from error
    if not isinstance(key, RSAPublicKey) or key.key_size not in KEY_BITS:
        raise ValueError(f"the public key must be RSA, {KEY_BITS.start} to {KEY_BITS.stop - 1} bits")
    return key
