"""Sans-I/O engine of smux: many streams in one port session (`protocol/client.md` §10.4).

Knows frames and windows of streams; must not know sockets, sessions or time.
"""
