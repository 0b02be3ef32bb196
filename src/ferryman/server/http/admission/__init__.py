"""Who may call, and how often: signatures, failed attempts, turns of callers, and the origin of browsers' requests.

Knows credentials and addresses. Does not know what a call does, nor whether its caller may do it: `core` decides that.
"""
