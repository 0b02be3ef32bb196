"""JSON payloads of the control channel that offer an SSH key to a node: Ferryman's own, not AWS's.

The server sends `ssh_public_key`; the agent answers `ssh_public_key_result` when sshd can find the key, or why not.
Agents that do not know the message ignore it.
"""

import base64
import binascii
import hashlib
import re

import msgspec

KEY_SECONDS = 60
"""How long a key is offered to sshd."""
KEY_LIMIT = 4096
"""Characters of a key with its type and comment."""
REASON_LIMIT = 200
"""Characters of an agent's reason for refusing a key."""
_TYPES = frozenset(
    {
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    }
)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]{0,31}")


class SshPublicKey(msgspec.Struct, frozen=True, rename="pascal"):
    """A key that may log in as `user` for `KEY_SECONDS`; `public_key` is TYPE BASE64, nothing else."""

    key_id: str
    user: str
    public_key: str


class SshPublicKeyResult(msgspec.Struct, frozen=True, rename="pascal"):
    """The result of offering a key; `error` is empty if sshd can find it."""

    key_id: str
    error: str = ""


def bare_key(text: str) -> str:
    """Return TYPE BASE64 of a line of an authorized_keys file without options; ValueError if it is not such a line.

    What is returned cannot hold an option, a second key or anything else that sshd reads.
    """
    parts = text.strip("\n\r ").split(" ", 2) if len(text) <= KEY_LIMIT else []
    if len(parts) < 2 or parts[0] not in _TYPES or any(mark in text.strip("\n\r ") for mark in "\n\r\0"):
        raise ValueError("it must be one line: a type of key, a space, and the key in Base64")
    kind, encoded = parts[0], parts[1]
    try:
        blob = base64.b64decode(encoded.encode(), validate=True)
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("the key is not Base64") from error
    named = len(kind).to_bytes(4, "big") + kind.encode()
    if not blob.startswith(named) or len(blob) <= len(named):
        raise ValueError(f"the key is not of the type {kind}")
    return f"{kind} {base64.b64encode(blob).decode()}"


def fingerprint(key: str) -> str:
    """Return the fingerprint of `bare_key`'s result, as ssh-keygen shows it and sshd logs it."""
    digest = hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def is_user_name(text: str) -> bool:
    """Return whether a text may be an account's name here: it is also the name of a file."""
    return _USER.fullmatch(text) is not None
