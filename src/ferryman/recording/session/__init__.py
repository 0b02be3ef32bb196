"""One session while it runs: its frames in order, as blocks of a recording, and live for those who watch.

Knows the frames that a relay forwards. Does not know where blocks are stored, nor who may watch.
"""
