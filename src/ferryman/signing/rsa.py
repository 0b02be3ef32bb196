"""The agent's RSA request signature (`protocol/agent.md` §1.10): SigV4 whose last step is RSASSA-PSS."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from ferryman.model.identifiers import NodeId
from ferryman.signing.canonical import SignableRequest
from ferryman.signing.presented import PresentedSignature


def is_rsa(presented: PresentedSignature) -> bool:
    """Tell whether the signer names itself by a node id, that is, signs with its RSA key."""
    raise NotImplementedError


def sign_rsa(
    request: SignableRequest, node_id: NodeId, private_key: RSAPrivateKey, region: str, now: datetime
) -> dict[str, str]:
    """Return the headers to add to `request`: Authorization, X-Amz-Date and X-Amz-Content-Sha256 (not signed).

    Signs every header of `request`, which must include Host. The scope's service is `ssm`. `now` is in UTC.
    """
    raise NotImplementedError


def verify_rsa(
    request: SignableRequest, presented: PresentedSignature, public_key: RSAPublicKey, now: datetime
) -> None:
    """Return if the holder of `public_key`'s private half signed `request` and the signature is current at `now`.

    Raises `InvalidSignature`.
    """
    raise NotImplementedError


def encode_public_key(private_key: RSAPrivateKey) -> str:
    """Return the public half as nodes register it: base64 of DER SubjectPublicKeyInfo, 392 characters for 2048 bits."""
    raise NotImplementedError


def decode_public_key(text: str) -> RSAPublicKey:
    """Return a registered public key; raises ValueError when `text` is no RSA key of 2048 to 4096 bits."""
    raise NotImplementedError
