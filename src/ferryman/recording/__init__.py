"""Recordings of sessions: events, the sealed blocks that hold them, where blocks are kept, and how they are read.

Knows frames' payloads and files. Does not know who may read a recording: that is for `core.recordings`.
"""
