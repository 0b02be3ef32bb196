"""Operating-system processes: accounts, environments, limits, forking a program, driving it, ending it.

It knows nothing of sessions' documents, of channels or of the server.
"""
