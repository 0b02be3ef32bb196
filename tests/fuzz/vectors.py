"""Well-formed frames and requests from the protocol's vectors, to begin from."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from ferryman.signing.canonical import SignableRequest
from ferryman.wire.agent_message import HEADER_SIZE

VECTORS = Path(__file__).parents[1] / "vectors"


@cache
def frames() -> tuple[bytes, ...]:
    """Return the recorded agent messages of both ends, those of 16 KiB and less."""
    recorded = [*_read("client.json"), *_read("agent.json")]
    found = (bytes.fromhex(each["hex"]) for each in recorded if "hex" in each)
    return tuple(dict.fromkeys(each for each in found if HEADER_SIZE <= len(each) <= 16_384))


@cache
def payloads() -> tuple[bytes, ...]:
    """Return the JSON payloads of the recorded messages."""
    return tuple(dict.fromkeys(each[HEADER_SIZE:] for each in frames() if each[HEADER_SIZE : HEADER_SIZE + 1] == b"{"))


@cache
def signed_requests() -> tuple[bytes, ...]:
    """Return the signed requests of AWS's agent as `written` writes them."""
    found = []
    for vector in _read("agent_captures.json")["signature_vectors"].values():
        method, path, query, *headers, _, _, _ = vector["canonical_request"].split("\n")
        signed = vector["canonical_request"].split("\n")[-2]
        authorization = vector.get("authorization") or (
            f"AWS4-HMAC-SHA256 Credential={vector['access_key_id']}/{vector['string_to_sign'].split(chr(10))[2]}, "
            f"SignedHeaders={signed}, Signature={vector['signature']}"
        )
        target = f"{path}?{query}" if query else path
        lines = [f"{method} {target}", *headers, f"authorization:{authorization}", "", vector["body"]]
        found.append("\n".join(lines).encode())
    return tuple(found)


def request_of(data: bytes) -> SignableRequest:
    """Return the request that an input spells: a line METHOD TARGET, headers, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("utf-8", "surrogateescape").split("\n")
    method, _, target = first.partition(" ")
    path, _, query = target.partition("?")
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return SignableRequest(method, path, query, headers, body)


def _read(name: str) -> Any:
    return json.loads((VECTORS / name).read_text())
