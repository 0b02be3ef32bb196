"""Answering HTTP requests: authentication, throttling, audit records, errors; and upgrades to channels.

Knows requests, signatures and callers. Does not know what an operation does: `operations` does, and `core` decides
whether a caller may. `pipeline` lists the steps of a call; start there.
"""
