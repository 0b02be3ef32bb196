"""The operating system under a process: private files, settings files, the service manager, the event loop, the
allocator, log lines written by a thread.

Standard library, uvloop and msgspec only. Knows nothing of sessions, requests or the network.
"""
