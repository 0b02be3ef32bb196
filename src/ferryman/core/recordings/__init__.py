"""Recordings of sessions: who may list, read, verify and delete them.

Does not know how they are made or kept: that is behind the port `Recorder`.
"""
