"""Public keys as tests write them."""

import base64
import struct


def blob(kind: str, rest: bytes = b"\0\0\0\x20" + bytes(32)) -> str:
    return base64.b64encode(struct.pack(">I", len(kind)) + kind.encode() + rest).decode()


KEY = f"ssh-ed25519 {blob('ssh-ed25519')}"
