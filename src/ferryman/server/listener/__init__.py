"""Accepting connections: the listening socket, TLS, and the limits on connections and on memory for their requests.

Knows sockets, certificates and aiohttp's connection. Does not know who callers are or what requests mean: a caller is
a text that `http` passes in once it has verified a signature.
"""
