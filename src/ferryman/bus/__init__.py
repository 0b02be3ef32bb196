"""Adapters of the bus port, which carries messages between the connections of a server, and between servers.

Knows subjects and bytes, not what they mean.
"""
