"""The forward specifications of `ferryman forward`: `[[BIND:]LOCAL:][HOST:]PORT`."""

import re
from dataclasses import dataclass

from ferryman.client.library.port_sessions import Destination
from ferryman.model.failures import Failure

HIGHEST_PORT = 65535
_PORT = re.compile(r"[0-9]{1,5}")
_PART = re.compile(r"\[([^\[\]]+)\]|([^:\[\]]+)")


@dataclass(frozen=True, slots=True)
class Specification:
    """One local port and where it leads; `bind` is None if the command's --bind applies."""

    bind: str | None
    local_port: int
    destination: Destination


def parse(text: str) -> Specification:
    """Parse a forward specification.

    `80` is the node's port 80 on the same local port, `8080:80` on the local port 8080, `5432:db.internal:5432` the
    port 5432 of a host that the node reaches. An address to listen on may come first, IPv6 addresses are in brackets:
    `0.0.0.0:8080:80`, `[::1]:5432:[2001:db8::1]:5432`. Raises `Failure`.
    """
    parts = _parts(text)
    match parts:
        case [port]:
            return Specification(None, _port(text, port), Destination(_port(text, port, lowest=1)))
        case [local, port]:
            return Specification(None, _port(text, local), Destination(_port(text, port, lowest=1)))
        case [local, host, port] if local.isdigit():
            return Specification(None, _port(text, local), Destination(_port(text, port, lowest=1), host))
        case [bind, local, port]:
            return Specification(bind, _port(text, local), Destination(_port(text, port, lowest=1)))
        case [bind, local, host, port]:
            return Specification(bind, _port(text, local), Destination(_port(text, port, lowest=1), host))
    raise _wrong(text)


def _parts(text: str) -> list[str]:
    parts = []
    place = 0
    while found := _PART.match(text, place):
        parts.append(found[1] or found[2])
        place = found.end()
        if place == len(text):
            return parts
        if text[place] != ":":
            break
        place += 1
    raise _wrong(text)


def _port(text: str, number: str, lowest: int = 0) -> int:
    if not (_PORT.fullmatch(number) and lowest <= int(number) <= HIGHEST_PORT):
        raise _wrong(text)
    return int(number)


def _wrong(text: str) -> Failure:
    return Failure(
        f"{text} cannot be forwarded",
        f"it must be [[BIND:]LOCAL:][HOST:]PORT, with ports up to {HIGHEST_PORT}",
        "Try 8080:80 or 5432:db.internal:5432",
    )
