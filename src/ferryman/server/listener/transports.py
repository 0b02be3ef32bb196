"""What is asked of a connection's transport that may be closing already.

asyncio's transport of TLS forgets its connection when it is closed for the second time, and its questions fail then.
"""

import asyncio


def unsent_bytes(transport: asyncio.Transport) -> int:
    """Return how many bytes wait for the peer to read, not counting the kernel's buffers; 0 of one that is closing."""
    return 0 if transport.is_closing() else transport.get_write_buffer_size()


def close_at_once(transport: asyncio.Transport) -> None:
    """Close a transport without waiting for a peer that does not read."""
    if transport.is_closing() or transport.get_write_buffer_size():
        transport.abort()
    else:
        transport.close()
