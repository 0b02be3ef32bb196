"""Authorization: whether a caller may perform an action, and whether a client or agent may join a session.

Knows policies and condition keys. Does not know the use cases above it, which call `require` with their action and
resource.
"""
