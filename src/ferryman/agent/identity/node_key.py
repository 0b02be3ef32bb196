"""The node's RSA key: made at registration, kept as PEM."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from ferryman.agent.identity.faults import StateUnusable
from ferryman.model.failures import said_by

KEY_BITS = 2048


def new_key() -> RSAPrivateKey:
    """Return a new RSA-2048 key."""
    return generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def encoded(key: RSAPrivateKey) -> bytes:
    """Return the key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read(path: Path) -> RSAPrivateKey:
    """Return the key in a file; raises `StateUnusable`."""
    try:
        # Validating costs 35 ms a session; we made the key, and a broken one only makes signatures that fail.
        key = load_pem_private_key(path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True)
    except (OSError, ValueError) as error:
        raise StateUnusable(f"cannot read {path}: {said_by(error)}") from error
    if not isinstance(key, RSAPrivateKey):
        raise StateUnusable(f"{path} is not an RSA key")
    return key
