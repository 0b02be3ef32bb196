"""`ferryman demo`: a server and agents in a scratch directory, started, supervised and stopped by this process.

It uses the same commands as everybody else, as child processes; it must not reach into a running server or agent.
"""
