"""Finds lines in what recorded sessions showed.

A process of its own turns output into lines; their words, keyed, and the sealed lines go into an index. Does not know
who may search: that is for `core.recordings`.
"""
