"""Commands that manage nodes, sessions, activations and access requests, by calling the server's API.

The exception is `explain`, which evaluates policies in the store that the server's configuration names.
"""
