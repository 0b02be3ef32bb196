"""The use cases, named after API actions, and the ports they need.

A use case gets a `Service` and usually a `Caller`, both values. Nothing here knows HTTP, SQL or sockets: the adapters
of `core.ports` do.
"""
