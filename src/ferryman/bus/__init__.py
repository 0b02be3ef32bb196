"""Adapters of the bus port, which carries messages between the connections of a server. Today: one process.

Knows subjects and bytes, not what they mean.
"""
