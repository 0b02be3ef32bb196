"""The SOCKS5 side of a forward (RFC 1928): which host and port a connection wants.

Only CONNECT without authentication, so the proxy must listen on the loopback interface only. The success reply goes out
before the node has connected; if the node cannot connect, the connection is reset.
"""

import asyncio
import ipaddress
import socket

from ferryman.client.library.port_sessions import Destination

VERSION = 5
CONNECT = 1
IPV4, DOMAIN, IPV6 = 1, 3, 4
NO_AUTHENTICATION, NO_ACCEPTABLE_METHOD = 0, 0xFF
SUCCEEDED, COMMAND_NOT_SUPPORTED, ADDRESS_NOT_SUPPORTED = 0, 7, 8
HANDSHAKE_SECONDS = 10.0
"""For the whole negotiation."""
_ADDRESS_BYTES = {IPV4: 4, IPV6: 16}


async def requested(accepted: socket.socket) -> Destination | None:
    """Negotiate; return where the program wants to go, None if that is not supported and it has had the reply.

    `accepted` does not block. Nothing is read beyond the negotiation. Raises OSError if the program disconnects.
    """
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            return await _negotiate(accepted)
    except TimeoutError:
        return None


async def _negotiate(accepted: socket.socket) -> Destination | None:
    loop = asyncio.get_running_loop()
    version, count = await _read(accepted, 2)
    if version != VERSION:
        return None
    if NO_AUTHENTICATION not in await _read(accepted, count):
        await loop.sock_sendall(accepted, bytes([VERSION, NO_ACCEPTABLE_METHOD]))
        return None
    await loop.sock_sendall(accepted, bytes([VERSION, NO_AUTHENTICATION]))
    version, command, _, kind = await _read(accepted, 4)
    if version != VERSION:
        return None
    host = await _host(accepted, kind)
    refusal = COMMAND_NOT_SUPPORTED if command != CONNECT else ADDRESS_NOT_SUPPORTED if host is None else None
    if refusal is not None:
        await loop.sock_sendall(accepted, _reply(refusal))
        return None
    port = int.from_bytes(await _read(accepted, 2), "big")
    if not host or not port:
        await loop.sock_sendall(accepted, _reply(ADDRESS_NOT_SUPPORTED))
        return None
    await loop.sock_sendall(accepted, _reply(SUCCEEDED))
    return Destination(port, host)


async def _host(accepted: socket.socket, kind: int) -> str | None:
    if kind == DOMAIN:
        (length,) = await _read(accepted, 1)
        name = await _read(accepted, length)
        return name.decode("ascii") if name.isascii() else None
    if kind in _ADDRESS_BYTES:
        return str(ipaddress.ip_address(await _read(accepted, _ADDRESS_BYTES[kind])))
    return None


async def _read(accepted: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        piece = await loop.sock_recv(accepted, count - len(data))
        if not piece:
            raise ConnectionResetError("the program left in the negotiation")
        data += piece
    return data


def _reply(code: int) -> bytes:
    return bytes([VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0])
