"""The operating system under a process: private files, the event loop, the allocator, log lines written by a thread.

Standard library (and uvloop) only. Knows nothing of sessions, requests or the network.
"""
