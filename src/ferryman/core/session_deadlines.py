"""Deadlines of sessions: the sweep that ends them in time, the pruning of history, recovery at start-up."""

from ferryman.core.service import Service


async def sweep(service: Service) -> int:
    """Look at every session whose deadline has come, then prune history; call it about once a second.

    Returns how many sessions were looked at.
    """
    raise NotImplementedError


async def recover(service: Service) -> int:
    """At start-up: Connected sessions whose relay answers nowhere become Disconnected. Returns how many."""
    raise NotImplementedError
